"""What a requester may expect: the promise, and what the last 90 days say, or nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import func, select, update

from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.expectations.measuring import measure
from helpdesk_api.domains.expectations.models import ResolutionTimes
from helpdesk_api.domains.tickets.models import Ticket
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


async def measured(database: Database) -> int:
    async with database.session() as session:
        await measure(session, {})
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(ResolutionTimes)) or 0


async def resolved(database: Database, a_ticket: Make, took: list[timedelta], **values: Any) -> None:
    for span in took:
        ticket = await a_ticket(**values)
        async with database.session() as session:
            await session.execute(
                update(Ticket)
                .where(Ticket.id == ticket.id)
                .values(
                    status="resolved",
                    resolution_code="fixed",
                    created_at=clock.now() - timedelta(days=20),
                    resolved_at=clock.now() - timedelta(days=20) + span,
                )
            )


async def expected(client: httpx.AsyncClient, ticket: dict[str, Any]) -> Any:
    reply = await client.get(f"/v1/tickets/{ticket['id']}", params={"include": "expectation"})
    assert reply.status_code == 200, reply.text
    return reply.json()["included"]["expectations"].get(ticket["id"])


async def test_history_speaks_when_there_is_enough_of_it(
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    a_ticket: Make,
    a_category: Make,
    database: Database,
) -> None:
    with clock.frozen(NOW):
        category = await a_category()
        ticket = await opened(requester_client, impact="low", urgency="low")
        of_category = await opened(
            requester_client, impact="low", urgency="low", category_id=public_id("cat", category.id)
        )
        await resolved(database, a_ticket, [timedelta(hours=n) for n in range(1, 10)], impact="low", urgency="low")
        assert await measured(database) == 0
        nothing = await expected(requester_client, ticket)
        assert (nothing["half_by"], nothing["most_by"], nothing["similar_count"]) == (None, None, None)
        await resolved(database, a_ticket, [timedelta(hours=10)], impact="low", urgency="low")
        assert await measured(database) == 1
        assert await measured(database) == 1
        told = await expected(requester_client, ticket)
        assert (told["half_by"], told["most_by"]) == ("2026-11-20T15:00:00.000000Z", "2026-11-20T18:00:00.000000Z")
        assert told["similar_count"] == 10
        assert (await expected(requester_client, of_category))["similar_count"] == 10
        # Its own history, as soon as there is one.
        quick = [timedelta(minutes=n) for n in range(1, 11)]
        await resolved(database, a_ticket, quick, impact="low", urgency="low", category_id=category.id)
        assert await measured(database) == 2
        assert (await expected(requester_client, of_category))["half_by"] == "2026-11-20T10:05:00.000000Z"
        assert (await expected(requester_client, ticket))["similar_count"] == 20
        # The promise, which rests while the desk waits for somebody.
        clocks = (await agent_client.get(f"/v1/tickets/{ticket['id']}/slas")).json()["data"]
        due = next(one["ongoing_cycle"]["due_at"] for one in clocks if one["metric"] == "resolution")
        assert datetime.fromisoformat(told["promised_by"]) == datetime.fromisoformat(due)
        assert told["is_paused"] is False
        await agent_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "requester"})
        rests = await expected(requester_client, ticket)
        assert (rests["promised_by"], rests["is_paused"]) == (None, True)
        fix = {"resolution_code": "fixed", "resolution_text": "Done."}
        await agent_client.post(f"/v1/tickets/{ticket['id']}/resolve", json=fix)
        assert await expected(requester_client, ticket) is None


async def test_old_history_is_no_history(a_ticket: Make, database: Database) -> None:
    with clock.frozen(NOW) as moment:
        await resolved(database, a_ticket, [timedelta(hours=1)] * 10)
        assert await measured(database) == 1
        moment.advance(days=90)
        assert await measured(database) == 0
