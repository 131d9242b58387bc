"""Lists of tickets by how they stand to what was promised."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import update

from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets.enums import SlaState
from helpdesk_api.domains.tickets.models import Ticket
from tests.factories.records import make_ticket, make_user

BY_SEVERITY = ["breached", "running", "paused", "met", None]


@pytest.mark.parametrize(("sort", "order"), [("sla_state", BY_SEVERITY), ("-sla_state", BY_SEVERITY[::-1])])
async def test_the_worst_state_comes_first(
    admin_client: httpx.AsyncClient, database: Database, sort: str, order: list[str | None]
) -> None:
    requester = await make_user(database)
    async with database.session() as session:
        for state in ("met", None, *SlaState):
            ticket = await make_ticket(database, requester_id=requester.id)
            await session.execute(update(Ticket).where(Ticket.id == ticket.id).values(sla_state=state))
    found, query = [], {"sort": sort, "limit": "2"}
    for _ in range(3):
        page = (await admin_client.get("/v1/tickets", params=query)).json()
        found += [row["sla_state"] for row in page["data"]]
        query["cursor"] = page["next_cursor"]
    assert list(dict.fromkeys(found)) == order
    assert (len(found), page["next_cursor"]) == (6, None)
    query["cursor"] = page["prev_cursor"]
    back = (await admin_client.get("/v1/tickets", params=query)).json()
    assert [row["sla_state"] for row in back["data"]] == found[2:4]


async def test_among_those_of_one_state_the_next_due_comes_first(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    requester = await make_user(database)
    numbers = {}
    async with database.session() as session:
        for day, state in ((3, SlaState.RUNNING), (1, SlaState.RUNNING), (2, SlaState.BREACHED)):
            ticket = await make_ticket(database, requester_id=requester.id)
            numbers[day] = ticket.reference
            due = datetime(2030, 1, day, tzinfo=UTC)
            await session.execute(update(Ticket).where(Ticket.id == ticket.id).values(sla_state=state, sla_due_at=due))
    page = (await admin_client.get("/v1/tickets", params={"sort": "sla_state,sla_due_at"})).json()
    assert [row["reference"] for row in page["data"]] == [numbers[day] for day in (2, 1, 3)]
