"""A ticket's history: every step in order, and for requesters nothing of what the staff keep to themselves."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.actions import apply
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from tests.factories.records import Make, principal_of
from tests.fixtures.clients import AsUser


async def change(
    database: Database, ticket: Ticket, by: Principal, *, cause: Cause | None = None, **values: Any
) -> None:
    async with database.session() as session:
        held, _ = await lock_visible(session, Principal.system(), public_id("tkt", ticket.id))
        await apply(session, by, held, events.TicketUpdated, values, cause=cause)


async def note(database: Database, ticket: Ticket, by: Principal) -> None:
    event = events.TicketFlagged(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.INTERNAL,
        internal_changes={"needs_reassignment": (False, True)},
        internal_data={"why": "left", "deep": [{"not": "flat"}]},
        ticket=ticket,
    )
    async with database.session() as session:
        await record(session, by, event)


async def read(client: httpx.AsyncClient, ticket: Ticket, query: str = "") -> list[dict[str, Any]]:
    reply = await client.get(f"/v1/tickets/{ticket.reference}/history{query}")
    assert reply.status_code == 200, reply.text
    # The clocks' own events have their own tests.
    return [event for event in reply.json()["data"] if not event["type"].startswith("sla.")]


@pytest.fixture
async def rita(a_user: Make) -> User:
    user: User = await a_user(name="Rita")
    return user


@pytest.fixture
async def anna(a_user: Make) -> User:
    user: User = await a_user(name="Anna", role=Role.AGENT)
    return user


@pytest.fixture
async def ticket(a_ticket: Make, rita: User) -> Ticket:
    made: Ticket = await a_ticket(by=rita, subject="Before")
    return made


async def test_shows_before_and_after_with_who_and_when(
    database: Database, ticket: Ticket, rita: User, anna: User, as_user: AsUser
) -> None:
    await change(database, ticket, await principal_of(database, anna), subject="After", tags=["a", "b"])
    created, updated = await read(as_user(anna), ticket)
    assert created["type"] == "ticket.created"
    assert created["actor"] == {"id": public_id("usr", rita.id), "name": "Rita", "kind": "user"}
    assert {"field": "subject", "before": None, "after": "Before"} in created["changes"]
    # Its language is detected anew.
    assert [one for one in updated["changes"] if one["field"] != "language"] == [
        {"field": "subject", "before": "Before", "after": "After"},
        {"field": "tags", "before": [], "after": ["a", "b"]},
    ]
    assert updated["actor"]["name"] == "Anna"
    assert updated["subject"] == {"type": "ticket", "id": public_id("tkt", ticket.id)}
    assert updated["details"] == [{"name": "reference", "value": ticket.reference}]


async def test_staff_see_the_internal_side_and_requesters_never(
    database: Database, ticket: Ticket, rita: User, anna: User, as_user: AsUser
) -> None:
    caused = Cause(event_id=new_id(), rule="tidy", depth=2)
    await change(database, ticket, Principal.system(), cause=caused, subject="After", priority_reason="VIP")
    await note(database, ticket, Principal.system())
    seen = await read(as_user(anna), ticket)
    assert [event["type"] for event in seen] == ["ticket.created", "ticket.updated", "ticket.flagged"]
    assert seen[1]["internal_changes"] == [{"field": "priority_reason", "before": None, "after": "VIP"}]
    assert seen[1]["cause"] == {"event_id": public_id("evt", caused.event_id), "rule": "tidy", "depth": 2}
    assert seen[1]["actor"] == {"id": None, "name": "Helpdesk", "kind": "system"}
    assert seen[2]["internal_details"] == [{"name": "why", "value": "left"}]
    shown = await read(as_user(rita), ticket)
    assert [event["type"] for event in shown] == ["ticket.created", "ticket.updated"]
    assert shown[1]["changes"] == seen[1]["changes"]
    for event in shown:
        assert (event["internal_changes"], event["internal_details"], event["cause"]) == (None, None, None)
    assert "VIP" not in str(shown)


async def test_staff_see_only_the_public_side_of_their_own_request(
    database: Database, a_team: Make, a_ticket: Make, a_user: Make, as_user: AsUser
) -> None:
    outsider = await a_user(role=Role.AGENT)
    made = await a_ticket(requester_id=outsider.id, team_id=(await a_team()).id)
    await note(database, made, Principal.system())
    (created,) = await read(as_user(outsider), made)
    assert created["internal_changes"] is None


async def test_pages_in_both_directions(database: Database, ticket: Ticket, anna: User, as_user: AsUser) -> None:
    principal = await principal_of(database, anna)
    for n in range(4):
        await change(database, ticket, principal, subject=f"Step {n}")
    client = as_user(anna)
    everything = [event["id"] for event in await read(client, ticket)]
    for sort, expected in (("occurred_at", everything), ("-occurred_at", everything[::-1])):
        found: list[str] = []
        query = f"limit=2&sort={sort}"
        while query:
            page = (await client.get(f"/v1/tickets/{ticket.reference}/history?{query}")).json()
            found += [event["id"] for event in page["data"] if not event["type"].startswith("sla.")]
            query = f"limit=2&sort={sort}&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        assert found == expected


async def test_invisible_is_not_found(ticket: Ticket, requester_client: httpx.AsyncClient) -> None:
    reply = await requester_client.get(f"/v1/tickets/{public_id('tkt', ticket.id)}/history")
    assert (reply.status_code, reply.json()["code"]) == (404, "ticket_not_found")


async def test_costs_the_same_with_few_and_many(
    database: Database, ticket: Ticket, anna: User, as_user: AsUser
) -> None:
    client, principal = as_user(anna), await principal_of(database, anna)
    counts = []
    for size in (5, 50):
        for n in range(size):
            await change(database, ticket, principal, subject=f"Step {size} {n}")
        counter = StatementCount()
        token = statement_count.set(counter)
        await read(client, ticket, "?limit=200")
        statement_count.reset(token)
        counts.append(counter.value)
    assert counts[0] == counts[1] <= 2
