"""Webhooks as their owners manage them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.domains.webhooks.queries import MAX_WEBHOOKS
from helpdesk_api.outbox.models import EventRow
from tests.domains.webhooks.desk import URL, hooked
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


async def test_a_webhook_is_made_read_changed_and_deleted(agent_client: httpx.AsyncClient) -> None:
    conditions = {"field": "priority", "op": "in", "value": ["high", "critical"]}
    made = await hooked(
        agent_client, event_types=["ticket.resolved", "ticket.created"], conditions=conditions, is_ordered=True
    )
    path = f"/v1/webhooks/{made['id']}"
    read = await agent_client.get(path)
    assert "secret" not in read.json()
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    assert read.json()["event_types"] == ["ticket.created", "ticket.resolved"]
    assert (await agent_client.get(path, headers={"If-None-Match": read.headers["ETag"]})).status_code == 304
    change = {"payload": "thin", "conditions": None, "description": "Warehouse"}
    changed = await agent_client.patch(path, json=change, headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in change} == change
    stale = await agent_client.patch(path, json={"payload": "full"}, headers={"If-Match": read.headers["ETag"]})
    assert stale.status_code == 412
    assert [one["id"] for one in (await agent_client.get("/v1/webhooks")).json()["data"]] == [made["id"]]
    assert (await agent_client.delete(path)).status_code == 204
    assert (await agent_client.delete(path)).status_code == 404
    assert (await agent_client.get(path)).json()["code"] == "webhook_not_found"


async def test_it_is_its_owners_and_administrators_see_it(
    agent_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    made = await hooked(agent_client)
    path = f"/v1/webhooks/{made['id']}"
    assert (await supervisor_client.get(path)).status_code == 404
    assert (await supervisor_client.patch(path, json={"is_active": False})).status_code == 404
    for verb in ("rotate-secret", "test"):
        assert (await supervisor_client.post(f"{path}/{verb}")).status_code == 404
    assert (await supervisor_client.get(f"{path}/deliveries")).status_code == 404
    assert (await supervisor_client.get("/v1/webhooks")).json()["data"] == []
    assert (await admin_client.get(path)).json()["owner_id"] == made["owner_id"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": "http://hooks.example.com/x"}, "webhook_url_refused", "#/url"),
        ({"url": "http://127.0.0.1:9000/x"}, "webhook_url_refused", "#/url"),
        ({"url": "http://localhost/x"}, "webhook_url_refused", "#/url"),
        ({"url": "https://10.0.0.7/x"}, "webhook_url_refused", "#/url"),
        ({"url": "https://[::ffff:169.254.169.254]/latest"}, "webhook_url_refused", "#/url"),
        ({"url": "https://user:pass@hooks.example.com/"}, "webhook_url_refused", "#/url"),
        ({"url": "https://hooks.example.com/#part"}, "webhook_url_refused", "#/url"),
        ({"url": "https://hooks.example.com:99999/"}, "webhook_url_refused", "#/url"),
        ({"url": "https://[::1/"}, "webhook_url_refused", "#/url"),
        ({"url": "ftp://hooks.example.com/"}, "validation_failed", "#/url"),
        ({"url": "https://hooks.example.com/a b"}, "validation_failed", "#/url"),
        ({"url": URL, "event_types": ["ticket.created", "ticket.exploded"]}, "unknown_event_type", "#/event_types/1"),
        ({"url": URL, "event_types": ["ticket"]}, "validation_failed", "#/event_types/0"),
        (
            {"url": URL, "conditions": {"field": "colour", "op": "eq", "value": "red"}},
            "invalid_conditions",
            "#/conditions/field",
        ),
        ({"url": URL, "is_ordered": "yes"}, "validation_failed", "#/is_ordered"),
        ({"url": URL, "secret": "whsec_mine"}, "validation_failed", "#/secret"),
        ({"url": URL, "owner_id": "usr_0190a6f3e1d87c3aa1b2c3d4e5f60718"}, "validation_failed", "#/owner_id"),
    ],
)
async def test_bad_input_is_told_apart_and_makes_nothing(
    agent_client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await agent_client.post("/v1/webhooks", json=body)
    assert reply.status_code == 422
    problem = reply.json()
    assert problem["code"] == code
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await agent_client.get("/v1/webhooks")).json()["data"] == []


async def test_a_patch_is_checked_like_a_new_one(agent_client: httpx.AsyncClient) -> None:
    made = await hooked(agent_client)
    path = f"/v1/webhooks/{made['id']}"
    for body in ({"url": "https://127.0.0.1/"}, {"event_types": ["ticket.exploded"]}, {"url": None}):
        assert (await agent_client.patch(path, json=body)).status_code == 422
    assert (await agent_client.get(path)).json()["url"] == URL


async def test_secrets_are_sealed_shown_once_and_take_no_idempotency_key(
    agent_client: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "once"}
    refused = await agent_client.post("/v1/webhooks", json={"url": URL}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_not_supported")
    reply = await agent_client.post("/v1/webhooks", json={"url": URL})
    assert reply.headers["Cache-Control"] == "no-store"
    made = reply.json()
    path = f"/v1/webhooks/{made['id']}/rotate-secret"
    assert (await agent_client.post(path, headers=key)).json()["code"] == "idempotency_not_supported"
    rotated = await agent_client.post(path)
    assert rotated.headers["Cache-Control"] == "no-store"
    assert rotated.json()["secret"] != made["secret"]
    async with database.session() as session:
        webhook = (await session.scalars(select(Webhook))).one()
        kept = f"{webhook.sealed_secret}{webhook.sealed_previous_secret}"
        events = list(await session.scalars(select(EventRow).where(EventRow.subject_type == "webhook")))
    for secret in (made["secret"], rotated.json()["secret"]):
        assert secret.removeprefix("whsec_") not in kept
        assert all(secret not in f"{event.internal_data}{event.internal_changes}" for event in events)
    assert webhook.previous_secret_expires_at is not None
    left = webhook.previous_secret_expires_at - clock.now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)


async def test_events_tell_the_host_and_not_the_key_in_the_address(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    made = await hooked(admin_client, url="https://hooks.example.com/T0/very-secret-path")
    await admin_client.patch(f"/v1/webhooks/{made['id']}", json={"url": "https://other.example.com/very-secret-path"})
    await admin_client.delete(f"/v1/webhooks/{made['id']}")
    async with database.session() as session:
        rows = await session.scalars(
            select(EventRow).where(EventRow.subject_type == "webhook").order_by(EventRow.position)
        )
        told = [(row.type, str(row.internal_changes), row.internal_data["host"]) for row in rows]
    assert [kind for kind, _, _ in told] == ["webhook.created", "webhook.updated", "webhook.deleted"]
    assert all("very-secret-path" not in changes for _, changes, _ in told)
    assert [host for _, _, host in told] == ["hooks.example.com", "other.example.com", "other.example.com"]


async def test_there_is_a_limit_for_each_owner(agent_client: httpx.AsyncClient) -> None:
    for _ in range(MAX_WEBHOOKS):
        await hooked(agent_client)
    reply = await agent_client.post("/v1/webhooks", json={"url": URL})
    assert (reply.status_code, reply.json()["code"]) == (409, "too_many_webhooks")


async def test_a_credential_without_the_right_to_events_makes_none(a_user: Make, as_user: AsUser, app: FastAPI) -> None:
    whole = app.state.authenticator

    async def limited(token: str, database: Database) -> Principal:
        return replace(await whole(token, database), permissions=frozenset({Permission.WEBHOOKS_WRITE}))

    app.state.authenticator = limited
    reply = await as_user(await a_user(role=Role.AGENT)).post("/v1/webhooks", json={"url": URL})
    assert (reply.status_code, reply.json()["code"]) == (403, "missing_scope")
    assert reply.json()["params"]["required_scope"] == "events:read"


async def test_what_may_be_done_with_it(agent_client: httpx.AsyncClient) -> None:
    made = await hooked(agent_client)
    path = f"/v1/webhooks/{made['id']}"

    def blocked(webhook: dict[str, Any]) -> dict[str, str]:
        return {one["action"]: one["reason_code"] for one in webhook["allowed_actions"] if not one["allowed"]}

    assert blocked(made) == {}
    assert blocked((await agent_client.patch(path, json={"is_active": False})).json()) == {
        "test": "webhook_inactive",
        "replay": "webhook_inactive",
    }
    (listed,) = (await agent_client.get("/v1/webhooks")).json()["data"]
    assert listed["allowed_actions"] == (await agent_client.get(path)).json()["allowed_actions"]
    assert (await agent_client.post(f"{path}/test", json={})).json()["code"] == "webhook_inactive"
