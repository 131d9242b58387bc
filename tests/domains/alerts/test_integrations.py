"""Integrations: who makes them, what they check, and keys that are shown once and can be changed."""

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.alerts.models import AlertIntegration
from helpdesk_api.outbox.models import EventRow
from tests.domains.alerts.sending import a_body, an_alert, an_integration, send, taken
from tests.factories.records import Make


async def test_the_key_is_shown_once_and_kept_as_a_hash(admin_client: httpx.AsyncClient, database: Database) -> None:
    made = await an_integration(admin_client, signing_secret="a-long-secret")
    read = await admin_client.get(f"/v1/alert-integrations/{made['id']}")
    assert "routing_key" not in read.json()
    assert read.json() == {name: value for name, value in made.items() if name != "routing_key"}
    assert (read.json()["is_signed"], read.json()["key_hint"]) == (True, made["routing_key"][-4:])
    assert (await admin_client.get("/v1/alert-integrations")).json()["data"] == [read.json()]
    again = await admin_client.get(
        f"/v1/alert-integrations/{made['id']}", headers={"If-None-Match": read.headers["etag"]}
    )
    assert again.status_code == 304
    async with database.session() as session:
        stored = await session.get_one(AlertIntegration, parse_id("ain", made["id"]))
    assert made["routing_key"].encode() not in stored.key_hash
    assert "a-long-secret" not in str(stored.signing_secret)


async def test_only_who_configures_the_desk_has_them(
    agent_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient
) -> None:
    for client in (agent_client, supervisor_client):
        reply = await client.post("/v1/alert-integrations", json={"name": "Mine", "kind": "grafana"})
        assert (reply.status_code, reply.json()["required_scope"]) == (403, "configuration:write")
        assert (await client.get("/v1/alert-integrations")).status_code == 403


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"kind": "generic"}, "invalid_mapping", "#/mapping"),
        ({"mapping": {"summary": "/text"}}, "invalid_mapping", "#/mapping"),
        ({"team_id": "tea_" + "f" * 32}, "unknown_reference", "#/team_id"),
        ({"category_id": "cat_" + "f" * 32}, "unknown_reference", "#/category_id"),
        (
            {"rules": [{"conditions": {"all": []}, "category_id": "cat_" + "f" * 32}]},
            "unknown_reference",
            "#/rules/0/category_id",
        ),
        (
            {"rules": [{"conditions": {"field": "severity", "op": "eq", "value": "bad"}}]},
            "invalid_conditions",
            "#/rules/0/conditions/value",
        ),
        ({"storm_limit": 0}, "validation_failed", "#/storm_limit"),
        ({"signing_secret": "short"}, "validation_failed", "#/signing_secret"),
        ({"name": "N\x00"}, "validation_failed", "#/name"),
        ({"surprise": 1}, "validation_failed", "#/surprise"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(
    admin_client: httpx.AsyncClient, fields: dict[str, object], code: str, pointer: str
) -> None:
    body = {"name": "Watcher", "kind": "alertmanager", **fields}
    reply = await admin_client.post("/v1/alert-integrations", json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, code)
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert (await admin_client.get("/v1/alert-integrations")).json()["data"] == []


async def test_changing_one_is_in_force_at_once_and_told(
    admin_client: httpx.AsyncClient, a_team: Make, database: Database
) -> None:
    made, team = await an_integration(admin_client), await a_team(auto_assign=False)
    path, etag = f"/v1/alert-integrations/{made['id']}", '"v1"'
    change = {"team_id": f"tea_{team.id.hex}", "storm_limit": None, "name": "Prometheus"}
    reply = await admin_client.patch(path, json=change, headers={"If-Match": etag})
    assert (reply.status_code, reply.json()["name"], reply.json()["storm_limit"]) == (200, "Prometheus", None)
    stale = await admin_client.patch(path, json={"name": "Other"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    [result] = await taken(admin_client, made["routing_key"], a_body(an_alert()))
    assert (await admin_client.get(f"/v1/tickets/{result['ticket_id']}")).json()["team_id"] == change["team_id"]
    off = await admin_client.patch(path, json={"is_active": False})
    assert off.status_code == 200
    refused = await send(admin_client, made["routing_key"], a_body(an_alert()))
    assert (refused.status_code, refused.json()["code"]) == (403, "alert_integration_inactive")
    async with database.session() as session:
        told = (await session.scalars(select(EventRow).where(EventRow.subject_type == "alert_integration"))).all()
    types = ["alert_integration.created", "alert_integration.updated", "alert_integration.updated"]
    assert sorted(event.type for event in told) == types
    assert not any(made["routing_key"] in str([event.changes, event.data, event.internal_data]) for event in told)


async def test_what_named_a_team_or_a_category_before_it_went_keeps_it(
    admin_client: httpx.AsyncClient, a_team: Make, a_category: Make
) -> None:
    team, category = f"tea_{(await a_team()).id.hex}", f"cat_{(await a_category()).id.hex}"
    named = {"team_id": team, "category_id": category}
    rules = [{"conditions": {"field": "severity", "op": "eq", "value": "critical"}, **named}]
    path = f"/v1/alert-integrations/{(await an_integration(admin_client, **named, rules=rules))['id']}"
    assert (await admin_client.post(f"/v1/teams/{team}/archive")).status_code == 200
    assert (await admin_client.post(f"/v1/categories/{category}/retire")).status_code == 200
    saved = await admin_client.patch(path, json={**named, "rules": [*rules, *rules], "name": "As before"})
    assert (saved.status_code, saved.json()["team_id"]) == (200, team)
    none: dict[str, object] = {"team_id": None, "category_id": None, "rules": []}
    assert (await admin_client.patch(path, json=none)).status_code == 200
    for name, value in named.items():
        for body, pointer in (({name: value}, f"#/{name}"), ({"rules": rules}, "#/rules/0/category_id")):
            refused = await admin_client.patch(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")
            assert refused.json()["errors"][0]["pointer"] == pointer
    rule = {**rules[0], "category_id": None}
    refused = await admin_client.patch(path, json={"rules": [rule]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/rules/0/team_id")


async def test_a_new_key_lets_the_old_one_live_as_long_as_it_is_told(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    with clock.frozen(clock.now()) as moment:
        made = await an_integration(admin_client)
        path = f"/v1/alert-integrations/{made['id']}/key"
        second = (await admin_client.post(path, json={"grace_seconds": 60})).json()
        for key in (made["routing_key"], second["routing_key"]):
            assert (await send(client, key, a_body(an_alert()))).status_code == 202
        moment.advance(seconds=60)
        expired = await send(client, made["routing_key"], a_body(an_alert()))
        assert (expired.status_code, expired.json()["code"]) == (401, "invalid_routing_key")
        third = (await admin_client.post(path, json={})).json()
        assert third["previous_key_expires_at"] is None
        assert (await send(client, second["routing_key"], a_body(an_alert()))).status_code == 401
        assert (await send(client, third["routing_key"], a_body(an_alert()))).status_code == 202
    replayed = await admin_client.post(path, json={}, headers={"Idempotency-Key": "once"})
    assert replayed.json()["code"] == "idempotency_not_supported"
