"""Who comes in: keys in their places, signatures, vendors' own answers, and bodies that are none."""

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
from fastapi import Request
from pydantic import SecretStr

from helpdesk_api import doctor
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.alerts.errors import UnreadableAlert
from helpdesk_api.domains.alerts.intake import read_incoming
from tests.domains.alerts.sending import a_body, an_alert, an_integration, outcomes, taken
from tests.factories.records import Make
from tests.fixtures.clients import AsUser
from tests.fixtures.secret_keys import OTHER_SECRET, another_secret_key

EVENT = {
    "event_action": "trigger",
    "dedup_key": "srv01/HTTP",
    "payload": {"summary": "HTTP is down", "source": "srv01", "severity": "critical", "custom_details": {"free": "1%"}},
    "links": [{"href": "https://monitor.example.test/1", "text": "graph"}],
}


async def test_a_key_comes_in_a_header_in_the_path_or_by_basic(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    basics = [base64.b64encode(pair.encode()).decode() for pair in (f"prometheus:{key}", f"{key}:", f":{key}")]
    headers = [
        {"X-Routing-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"GenieKey {key}"},
        *({"Authorization": f"Basic {basic}"} for basic in basics),
    ]
    for one in headers:
        reply = await client.post("/v1/alert-intake", json=a_body(an_alert()), headers=one)
        assert reply.status_code == 202, (one, reply.text)
    reply = await client.post(f"/v1/alert-intake/{key}", json=a_body(an_alert()))
    assert (reply.status_code, reply.json()["alerts"][0]["count"]) == (202, len(headers) + 1)
    assert reply.headers["location"] == f"/v1/alerts/{reply.json()['alerts'][0]['alert_id']}"


async def test_who_has_no_key_does_not_come_in(client: httpx.AsyncClient) -> None:
    for headers in (
        {},
        {"X-Routing-Key": "0" * 32},
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest x"},
    ):
        reply = await client.post("/v1/alert-intake", json=a_body(an_alert()), headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "invalid_routing_key")
        assert "www-authenticate" in reply.headers
    reply = await client.post("/v1/alert-intake/" + "0" * 32, json={})
    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_routing_key")


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("sentry", "Sentry-Hook-Signature"),
        ("grafana", "X-Grafana-Alerting-Signature"),
        ("alertmanager", "X-Hub-Signature-256"),
    ],
)
async def test_a_secret_asks_for_a_signature_of_the_raw_body(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, kind: str, header: str
) -> None:
    secret = "a-secret-of-sentry"
    key = (await an_integration(admin_client, kind=kind, signing_secret=secret))["routing_key"]
    content = json.dumps({**a_body(an_alert()), "data": {"event": {"issue_id": "1", "title": "T"}}}).encode()
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    for given, status in ((None, 401), ("0" * 64, 401), ("é", 401), (digest, 202), (f"sha256={digest}", 202)):
        headers = {"X-Routing-Key": key, **({header: given.encode("latin-1")} if given else {})}
        reply = await client.post("/v1/alert-intake", content=content, headers=headers)
        assert reply.status_code == status, (given, reply.text)
    changed = await client.post(
        "/v1/alert-intake", content=content + b" ", headers={"X-Routing-Key": key, header: digest}
    )
    assert (changed.status_code, changed.json()["code"]) == (401, "invalid_alert_signature")
    # Of two signatures neither counts, in whichever order they come and also where both are right.
    for pair in ((digest, digest), ("0" * 64, digest), (digest, "")):
        given_twice = [("X-Routing-Key", key), *((header, one) for one in pair)]
        twice = await client.post("/v1/alert-intake", content=content, headers=given_twice)
        assert (twice.status_code, twice.json()["code"]) == (401, "invalid_alert_signature")


async def test_a_signing_secret_of_another_secret_key_is_a_503_until_it_is_given_anew(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    secret, content = "a-secret-of-theirs", json.dumps(a_body(an_alert())).encode()
    made = await an_integration(admin_client, signing_secret=secret)
    vendors = {
        kind: (await an_integration(admin_client, kind=kind, signing_secret=secret))["routing_key"]
        for kind in ("pagerduty", "opsgenie", "uptime_kuma")
    }
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    headers = {"X-Routing-Key": made["routing_key"], "X-Hub-Signature-256": digest}
    with another_secret_key():
        refused = [
            await client.post("/v1/alert-intake", content=content, headers=headers),
            await client.post("/v2/enqueue", json={"routing_key": vendors["pagerduty"], **EVENT}),
            await client.post("/v2/alerts", json={}, headers={"Authorization": f"GenieKey {vendors['opsgenie']}"}),
            await client.get(f"/v1/alert-intake/{vendors['uptime_kuma']}", params={"msg": "down"}),
        ]
        for reply in refused:
            assert (reply.status_code, reply.json()["code"]) == (503, "alert_secret_unreadable"), reply.text
            assert reply.headers["retry-after"] == "300"
        tried = await admin_client.post(f"/v1/alert-integrations/{made['id']}/test", json={"body": content.decode()})
        assert tried.status_code == 200, tried.text
        [told] = await doctor._sealed(settings.model_copy(update={"secret_key": SecretStr(OTHER_SECRET)}), database)
        assert told.text.startswith("signing secrets of alert integrations: 4 cannot be opened")
        change = {"signing_secret": secret}
        path = f"/v1/alert-integrations/{made['id']}"
        assert (await admin_client.patch(path, json=change)).status_code == 200
        assert (await client.post("/v1/alert-intake", content=content, headers=headers)).status_code == 202


async def test_pagerduty_is_answered_as_pagerduty_answers(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    key = (await an_integration(admin_client, kind="pagerduty", on_resolve="resolve"))["routing_key"]
    assert len(key) == 32

    async def enqueue(**fields: Any) -> httpx.Response:
        return await client.post("/v2/enqueue", json={"routing_key": key, **EVENT, **fields})

    success = {"status": "success", "message": "Event processed", "dedup_key": "srv01/HTTP"}
    for fields in ({}, {}, {"event_action": "acknowledge"}, {"event_action": "resolve"}, {"event_action": "resolve"}):
        reply = await enqueue(**fields)
        assert (reply.status_code, reply.json()) == (202, success)
    [alert] = (await admin_client.get("/v1/alerts")).json()["data"]
    assert (alert["state"], alert["count"], alert["labels"]["free"]) == ("resolved", 2, "1%")
    made = [(await enqueue(dedup_key=None)).json()["dedup_key"] for _ in range(2)]
    assert len(set(made)) == 2
    assert (await admin_client.get("/v1/alerts", params={"include_total": "true"})).json()["total"] == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"routing_key": "0" * 32}, "routing_key"),
        ({"routing_key": None}, "routing_key"),
        ({"event_action": "explode"}, "event_action"),
        ({"event_action": ["trigger"]}, "event_action"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key"),
        ({"dedup_key": "k" * 256}, "dedup_key"),
        ({"payload": None}, "payload"),
        ({"payload": {"source": "s", "severity": "info"}}, "payload.summary"),
        ({"payload": {"summary": "x" * 1_025, "source": "s", "severity": "info"}}, "payload.summary"),
        ({"payload": {"summary": "x", "severity": "info"}}, "payload.source"),
        ({"payload": {"summary": "x", "source": "s", "severity": "bad"}}, "payload.severity"),
    ],
)
async def test_pagerduty_refuses_as_pagerduty_refuses(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, fields: dict[str, Any], said: str
) -> None:
    key = (await an_integration(admin_client, kind="pagerduty"))["routing_key"]
    reply = await client.post("/v2/enqueue", json={"routing_key": key, **EVENT, **fields})
    assert (reply.status_code, reply.json()["status"]) == (400, "invalid event")
    assert any(said in error for error in reply.json()["errors"])
    assert (await admin_client.get("/v1/alerts")).json()["data"] == []


async def test_vendors_doors_take_their_own_kind_only(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    reply = await client.post("/v2/enqueue", json={"routing_key": key, **EVENT})
    assert (reply.status_code, reply.json()["status"]) == (400, "invalid event")
    large = await client.post("/v2/enqueue", content=b" " * 524_289)
    assert (large.status_code, large.json()["status"]) == (413, "invalid event")
    assert (await client.post("/v2/enqueue", content=b"{")).status_code == 400
    headers = {"Authorization": f"GenieKey {key}"}
    reply = await client.post("/v2/alerts", json={"message": "Down"}, headers=headers)
    assert (reply.status_code, set(reply.json())) == (403, {"message", "took", "requestId"})
    unknown = await client.post("/v2/alerts", json={"message": "Down"}, headers={"Authorization": "GenieKey x"})
    assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "GenieKey")


async def test_opsgenie_creates_counts_and_closes_by_alias(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    key = (await an_integration(admin_client, kind="opsgenie", on_resolve="resolve"))["routing_key"]
    headers = {"Authorization": f"GenieKey {key}"}
    body = {"message": "Disk full", "alias": "disk-7", "priority": "P1", "tags": ["db"], "details": {"host": "db-1"}}
    for _ in range(2):
        reply = await client.post("/v2/alerts", json=body, headers=headers)
        assert (reply.status_code, len(reply.json()["requestId"])) == (202, 36)
    [alert] = (await admin_client.get("/v1/alerts")).json()["data"]
    assert (alert["count"], alert["severity"], alert["labels"]) == (2, "critical", {"host": "db-1", "db": "db"})
    for _ in range(2):
        path = "/v2/alerts/disk-7/close?identifierType=alias"
        assert (await client.post(path, json={"source": "Alertmanager"}, headers=headers)).status_code == 202
    assert (await admin_client.get(f"/v1/alerts/{alert['id']}")).json()["state"] == "resolved"
    refused = await client.post("/v2/alerts", json={"alias": "x"}, headers=headers)
    assert (refused.status_code, "message" in refused.json()["message"]) == (422, True)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[]", b'{"alerts": 7}', b"[" * 100_000, b"null"])
async def test_what_is_no_alert_is_a_clear_400(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, body: bytes
) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    reply = await client.post("/v1/alert-intake", content=body, headers={"X-Routing-Key": key})
    assert (reply.status_code, reply.json()["code"]) == (400, "unreadable_alert")


async def test_ten_megabytes_are_refused(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    reply = await client.post("/v1/alert-intake", content=b"x" * 10_000_000, headers={"X-Routing-Key": key})
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")


async def test_a_trial_says_what_would_happen_and_does_nothing(
    admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
) -> None:
    team = await a_team()
    agent = await a_user(role=Role.AGENT, teams=[team])
    made = await an_integration(admin_client, team_id=f"tea_{team.id.hex}", on_resolve="resolve")
    [open_one] = await taken(admin_client, made["routing_key"], a_body(an_alert("Known")))
    before = [(await admin_client.get(path)).json() for path in ("/v1/alerts", "/v1/tickets")]
    body = a_body(
        an_alert("New", instance="db-1"), an_alert("Known", status="resolved"), an_alert("Gone", status="resolved")
    )
    reply = await admin_client.post(f"/v1/alert-integrations/{made['id']}/test", json={"body": json.dumps(body)})
    assert reply.status_code == 200, reply.text
    new, known, _ = reply.json()["alerts"]
    assert outcomes(reply.json()["alerts"]) == ["opened", "resolved", "dropped:no_open_alert"]
    assert (new["subject"], new["priority"], new["affected_service"]) == ("New on db-1", "medium", "db-1")
    assert (new["team_id"], new["assignee_id"]) == (f"tea_{team.id.hex}", f"usr_{agent.id.hex}")
    assert known["subject"] == "Known on somewhere"
    assert before == [(await admin_client.get(path)).json() for path in ("/v1/alerts", "/v1/tickets")]
    assert open_one["outcome"] == "opened"
    bad = await admin_client.post(f"/v1/alert-integrations/{made['id']}/test", json={"body": "{"})
    assert (bad.status_code, bad.json()["code"]) == (400, "unreadable_alert")


async def test_alerts_are_for_those_who_work_on_their_tickets(
    admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, as_user: AsUser
) -> None:
    team, other = await a_team(auto_assign=False), await a_team(auto_assign=False)
    key = (await an_integration(admin_client, team_id=f"tea_{team.id.hex}"))["routing_key"]
    [result] = await taken(admin_client, key, a_body(an_alert()))
    member, stranger = (
        as_user(await a_user(role=Role.AGENT, teams=[team])),
        as_user(await a_user(role=Role.AGENT, teams=[other])),
    )
    requester = await a_user()
    added = await admin_client.put(f"/v1/tickets/{result['ticket_id']}/participants/usr_{requester.id.hex}")
    assert added.status_code == 204, added.text
    seen = as_user(requester)
    assert [one["id"] for one in (await member.get("/v1/alerts")).json()["data"]] == [result["alert_id"]]
    for client in (stranger, seen):
        listed = (await client.get("/v1/alerts", params={"include_total": "true"})).json()
        assert (listed["data"], listed["total"]) == ([], 0)
        gone = await client.get(f"/v1/alerts/{result['alert_id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "alert_not_found")
    path = f"/v1/tickets/{result['ticket_id']}/alerts"
    assert len((await member.get(path)).json()["data"]) == 1
    assert (await stranger.get(path)).status_code == 404
    assert (await seen.get(path)).json()["code"] == "action_forbidden"


async def test_lists_are_narrowed_and_paged(admin_client: httpx.AsyncClient) -> None:
    made = await an_integration(admin_client)
    alerts = [an_alert(instance=str(n), severity="critical" if n % 2 else "info") for n in range(5)]
    results = await taken(admin_client, made["routing_key"], a_body(*alerts))
    await taken(admin_client, made["routing_key"], a_body(an_alert(instance="0", status="resolved")))
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await admin_client.get("/v1/alerts", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        found += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(one["alert_id"] for one in results)
    for filters, count in (
        ({"state": "open"}, 4),
        ({"state": "resolved"}, 1),
        ({"severity": "critical"}, 2),
        ({"integration_id": made["id"], "in_storm": "false"}, 5),
        ({"integration_id": "ain_" + "f" * 32}, 0),
        ({"dedup_key": "diskfull-3"}, 1),
        ({"seen_after": "2100-01-01T00:00:00Z"}, 0),
        ({"seen_before": "2100-01-01T00:00:00Z"}, 5),
    ):
        listed = (await admin_client.get("/v1/alerts", params=filters)).json()["data"]
        assert len(listed) == count, filters


async def test_a_sender_that_hangs_up_is_no_defect() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/v1/alert-intake", "headers": [], "query_string": b""}
    with pytest.raises(UnreadableAlert):
        await read_incoming(Request(scope, receive))
