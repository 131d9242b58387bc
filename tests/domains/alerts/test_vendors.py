"""More of what vendors' clients do: ask for a request, tell of a change, notify by GET; and keys that stay secret."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.domains.alerts.sending import a_body, an_alert, an_integration

MONITOR = {"id": 7, "name": "Web shop", "url": "https://shop.example.test"}
DOWN, UP = {"status": 0, "msg": "timeout"}, {"status": 1, "msg": "200 - OK"}


async def test_opsgenie_says_what_came_of_a_request(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    made = await an_integration(admin_client, kind="opsgenie")
    headers = {"Authorization": f"GenieKey {made['routing_key']}"}

    async def asked(path: str, body: dict[str, Any], reader: dict[str, str] = headers) -> httpx.Response:
        sent = await client.post(f"/v2/alerts{path}", json=body, headers=headers)
        assert sent.status_code == 202, sent.text
        return await client.get(f"/v2/alerts/requests/{sent.json()['requestId']}", headers=reader)

    told = (await asked("", {"message": "Disk full", "alias": "disk-7"})).json()
    [alert] = (await admin_client.get("/v1/alerts")).json()["data"]
    assert told["data"] == {
        "success": True,
        "isSuccess": True,
        "action": "Create",
        "status": "Created alert",
        "processedAt": alert["last_seen_at"],
        "integrationId": made["id"],
        "alertId": alert["id"],
        "alias": "disk-7",
    }
    steps = [await asked(f"/disk-7/{verb}", {}) for verb in ("acknowledge", "close")]
    assert [one.json()["data"]["status"] for one in steps] == ["Acknowledged alert", "Closed alert"]
    assert all(one.json()["data"]["alertId"] == alert["id"] for one in steps)
    vain = (await asked("/disk-7/close", {})).json()["data"]
    assert (vain["success"], vain["action"], vain["status"], vain["alertId"]) == (
        False,
        "Close",
        "Alert does not exist",
        None,
    )
    other = {"Authorization": f"GenieKey {(await an_integration(admin_client, kind='opsgenie'))['routing_key']}"}
    foreign = await asked("", {"message": "Disk full", "alias": "disk-8"}, other)
    assert (foreign.status_code, foreign.json()["message"]) == (404, "Request not found.")
    for request_id, status in ((str(uuid4()), 404), ("x", 422)):
        assert (await client.get(f"/v2/alerts/requests/{request_id}", headers=headers)).status_code == status
    assert (await client.get(f"/v2/alerts/requests/{uuid4()}")).status_code == 401
    pagerduty = await an_integration(admin_client, kind="pagerduty")
    wrong = {"Authorization": f"GenieKey {pagerduty['routing_key']}"}
    assert (await client.get(f"/v2/alerts/requests/{uuid4()}", headers=wrong)).status_code == 403


async def test_a_change_is_taken_and_opens_nothing(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, kind="pagerduty"))["routing_key"]
    change = {"routing_key": key, "payload": {"summary": "Deployed 1.2", "timestamp": "2026-11-26T08:00:00Z"}}
    taken = await client.post("/v2/change/enqueue", json=change)
    assert (taken.status_code, taken.json()) == (202, {"status": "success", "message": "Change event processed"})
    for path in ("/v1/alerts", "/v1/tickets"):
        assert (await admin_client.get(path)).json()["data"] == []
    for body, said in (
        ({**change, "routing_key": "0" * 32}, "routing_key"),
        ({**change, "payload": None}, "payload"),
        ({**change, "payload": {"source": "ci"}}, "payload.summary"),
    ):
        refused = await client.post("/v2/change/enqueue", json=body)
        assert (refused.status_code, refused.json()["status"]) == (400, "invalid event")
        assert said in refused.json()["errors"][0]
    assert (await client.post("/v2/change/enqueue", content=b"{")).status_code == 400
    assert (await client.post("/v2/change/enqueue", content=b" " * 524_289)).status_code == 413


async def test_uptime_kuma_notifies_by_get(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, kind="uptime_kuma", on_resolve="resolve"))["routing_key"]

    async def notify(path: str, heartbeat: Any, **headers: str) -> httpx.Response:
        given = {"msg": "[Web shop] changed", "heartbeat": json.dumps(heartbeat), "monitor": json.dumps(MONITOR)}
        return await client.get(path, params=given, headers=headers)

    told = [
        await notify(f"/v1/alert-intake/{key}", DOWN),
        await notify("/v1/alert-intake", DOWN, **{"X-Routing-Key": key}),
        await notify(f"/v1/alert-intake/{key}", UP),
    ]
    assert [reply.status_code for reply in told] == [200, 200, 200]
    assert [reply.json()["alerts"][0]["outcome"] for reply in told] == ["opened", "repeated", "resolved"]
    test = await client.get(f"/v1/alert-intake/{key}", params={"msg": "Testing"})
    assert (test.status_code, test.json()["alerts"]) == (200, [])
    nothing = await client.get(f"/v1/alert-intake/{key}")
    assert (nothing.status_code, nothing.json()["code"]) == (400, "unreadable_alert")
    broken = await client.get(f"/v1/alert-intake/{key}", params={"msg": "m", "heartbeat": "{"})
    assert (broken.status_code, broken.json()["code"]) == (400, "unreadable_alert")
    of_other_kind = (await an_integration(admin_client))["routing_key"]
    assert (await notify(f"/v1/alert-intake/{of_other_kind}", DOWN)).json()["code"] == "alert_kind_mismatch"
    signed = (await an_integration(admin_client, kind="uptime_kuma", signing_secret="a-secret-of-kuma"))["routing_key"]
    assert (await notify(f"/v1/alert-intake/{signed}", DOWN)).json()["code"] == "invalid_alert_signature"


async def test_a_key_in_the_path_shows_in_no_problem(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    for reply in (
        await client.post(f"/v1/alert-intake/{key}", content=b"{"),
        await client.post(f"/v1/alert-intake/{key}0", json=a_body(an_alert())),
        await client.post(f"/v1/alert-intake/{key}/more", json={}),
        await client.post(f"/v1/alert-intake/{key}", content=b"x" * 10_000_000),
        await client.put(f"/v1/alert-intake/{key}", json={}),
    ):
        assert reply.status_code in {400, 401, 404, 405, 413}
        assert reply.json()["instance"] == "/v1/alert-intake/***"
        assert key not in reply.text
    assert (await client.post("/v1/alert-intake", json={})).json()["instance"] == "/v1/alert-intake"
    printed = capsys.readouterr()
    assert key not in printed.out + printed.err
