"""Whoever does not want a mail does not get it, and nothing else changes."""

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow
from tests.domains.notifications.conftest import Desk, PostOffice
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

PATH = "/v1/me/notification-preferences"


async def test_what_is_not_wanted_is_not_written(
    database: Database, desk: Desk, post_office: PostOffice, as_user: AsUser, a_ticket: Make
) -> None:
    rita, anna = as_user(desk.rita), as_user(desk.anna)
    before = await rita.get(PATH)
    assert before.json() == {"unwanted": []}
    assert (await rita.get(PATH, headers={"If-None-Match": before.headers["etag"]})).status_code == 304
    said = await rita.put(PATH, json={"unwanted": ["resolved", "replied", "resolved"]})
    assert said.json() == {"unwanted": ["replied", "resolved"]}
    assert (await rita.get(PATH)).json() == said.json()
    late = await rita.put(PATH, json={"unwanted": []}, headers={"If-Match": before.headers["etag"]})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await anna.get(PATH)).json() == {"unwanted": []}
    ticket = await a_ticket(by=desk.rita, team_id=None)
    await post_office.round()
    path = f"/v1/tickets/{public_id('tkt', ticket.id)}"
    for verb, body in (
        ("comments", {"body": "I am on it."}),
        ("resolve", {"resolution_code": "fixed", "resolution_text": "A new cable."}),
    ):
        assert (await anna.post(f"{path}/{verb}", json=body)).is_success
    assert (await rita.post(f"{path}/comments", json={"body": "It is not."})).status_code == 201
    await post_office.round()
    assert await told(database, desk.rita) == {"received"}
    assert (await rita.put(PATH, json={"unwanted": []})).json() == {"unwanted": []}
    assert (await anna.post(f"{path}/comments", json={"body": "And now?"})).is_success
    await post_office.round()
    assert await told(database, desk.rita) == {"received", "replied"}


async def test_a_change_is_an_event_for_administrators(
    database: Database, desk: Desk, post_office: PostOffice, as_user: AsUser, admin_client: httpx.AsyncClient
) -> None:
    rita = as_user(desk.rita)
    # The first says what holds anyway, and the last what the one before has said.
    for unwanted in ([], ["resolved", "replied"], ["closed"], ["closed"]):
        assert (await rita.put(PATH, json={"unwanted": unwanted})).status_code == 200
    query = {"type": "user.notification_preferences_changed"}
    async with database.session() as session:
        rows = (await session.scalars(select(EventRow).where(EventRow.type == query["type"]))).all()
    assert [(row.subject_id, row.visibility, row.actor_id) for row in rows] == [
        (desk.rita.id, Visibility.INTERNAL, desk.rita.id)
    ] * 2
    assert [row.changes["unwanted"] for row in sorted(rows, key=lambda row: row.position)] == [
        [[], ["replied", "resolved"]],
        [["replied", "resolved"], ["closed"]],
    ]
    await post_office.round()
    told_to = {}
    for name, client in (("admin", admin_client), ("agent", as_user(desk.anna)), ("herself", rita)):
        reply = await client.get("/v1/events", params=query)
        told_to[name] = len(reply.json()["data"]) if reply.status_code == 200 else 0
    assert told_to == {"admin": 2, "agent": 0, "herself": 0}


async def told(database: Database, user: User) -> set[str]:
    async with database.session() as session:
        found = await session.scalars(select(OutboundMail.template).where(OutboundMail.recipient_id == user.id))
        return {template.value for template in found}


@pytest.mark.parametrize("template", ["password_reset", "invitation", "weather"])
async def test_what_is_needed_is_always_sent(desk: Desk, as_user: AsUser, template: str) -> None:
    refused = await as_user(desk.rita).put(PATH, json={"unwanted": ["closed", template]})
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
    assert refused.json()["errors"][0]["pointer"] == "#/unwanted/1"
    assert (await as_user(desk.rita).get(PATH)).json() == {"unwanted": []}
