"""One word to all children: each by itself, and only those that the caller can see."""

from typing import Any

import httpx
from sqlalchemy import func, select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.relations import cascade
from helpdesk_api.domains.sla.recompute import differences
from helpdesk_api.domains.tickets.actions import resolve_ticket
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.queries import VisibleTicket
from helpdesk_api.domains.tickets.schemas import TicketResolve
from tests.domains.relations.test_links import link
from tests.domains.relations.test_merging import FIX, at, history, tkt
from tests.factories.records import Make, principal_of
from tests.fixtures.clients import AsUser


async def family(client: httpx.AsyncClient, parent: Any, *children: Any) -> None:
    for child in children:
        assert (await link(client, parent, "parent_of", child)).status_code == 201


async def test_open_children_are_resolved_and_the_parent_is_not(
    agent_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    parent, first, second, done, grandchild = [await a_ticket() for _ in range(5)]
    await family(agent_client, parent, second, first, done)
    await family(agent_client, first, grandchild)
    await agent_client.post(f"{at(done)}/resolve", json=FIX)
    reply = await agent_client.post(f"{at(parent)}/children/resolve", json=FIX)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == [
        {"ticket_id": tkt(child), "reference": child.reference, "status": 200, "problem": None}
        for child in (first, second)
    ]
    now = {one.id: (await agent_client.get(at(one))).json()["status"] for one in (parent, first, second, grandchild)}
    assert now == {parent.id: "open", first.id: "resolved", second.id: "resolved", grandchild.id: "open"}
    assert "ticket.resolved" in {row["type"] for row in await history(agent_client, first)}
    assert [str(one) for one in [one async for one in differences(database)][:-1]] == []
    again = await agent_client.post(f"{at(parent)}/children/resolve", json=FIX)
    assert again.json()["data"] == []


async def test_one_that_fails_stops_no_other(
    a_user: Make, a_team: Make, as_user: AsUser, admin_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    team, other_team = await a_team(auto_assign=False), await a_team(auto_assign=False)
    user = await a_user(role=Role.AGENT, teams=[team])
    agent = as_user(user)
    parent, before, after = [await a_ticket(team_id=team.id) for _ in range(3)]
    # Seen as its requester, but not worked on; and one of another team that is not seen at all.
    asked, hidden = await a_ticket(by=user, team_id=other_team.id), await a_ticket(team_id=other_team.id)
    await family(admin_client, parent, before, asked, hidden, after)
    reply = await agent.post(f"{at(parent)}/children/resolve", json=FIX)
    results = {row["ticket_id"]: (row["status"], (row["problem"] or {}).get("code")) for row in reply.json()["data"]}
    assert results == {tkt(before): (200, None), tkt(after): (200, None), tkt(asked): (403, "action_forbidden")}
    assert (await admin_client.get(at(asked))).json()["status"] == "open"
    assert "ticket.resolved" not in {row["type"] for row in await history(admin_client, asked)}
    assert (await admin_client.get(at(hidden))).json()["status"] == "open"
    assert (await admin_client.get(at(after))).json()["status"] == "resolved"
    assert [str(one) for one in [one async for one in differences(database)][:-1]] == []


async def test_what_the_database_gives_up_is_one_childs_problem(
    agent_client: httpx.AsyncClient, a_ticket: Make, a_user: Make, database: Database
) -> None:
    parent, bad, good = [await a_ticket() for _ in range(3)]
    await family(agent_client, parent, bad, good)
    principal = await principal_of(database, await a_user(role=Role.ADMIN))
    async with database.session() as session:

        async def step(child: VisibleTicket) -> None:
            await resolve_ticket(session, principal, child.ticket, TicketResolve.model_validate(FIX))
            if child.ticket.id == bad.id:
                await session.execute(text("SELECT set_config('statement_timeout', '5', true)"))
                await session.execute(text("SELECT pg_sleep(1)"))

        outcomes = await cascade._each(session, principal, tkt(parent), TicketAction.RESOLVE_CHILDREN, step)
    told = {one.ticket_id: one.problem.code if one.problem else None for one in outcomes}
    assert told == {bad.id: "internal_error", good.id: None}
    assert [(await agent_client.get(at(one))).json()["status"] for one in (bad, good)] == ["open", "resolved"]


async def test_a_reply_to_all_children(
    a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    requester = await a_user()
    parent, mine, other = await a_ticket(), await a_ticket(by=requester), await a_ticket()
    await family(agent_client, parent, mine, other)
    sent: dict[str, Any] = {"json": {"body": "We know."}, "headers": {"Idempotency-Key": "all"}}
    for _ in range(2):
        reply = await agent_client.post(f"{at(parent)}/children/comments", **sent)
        assert [row["status"] for row in reply.json()["data"]] == [200, 200]
    async with database.reads() as reads:
        assert await reads.fetch_value(select(func.count()).select_from(Comment)) == 2
    assert (await as_user(requester).get(f"{at(mine)}/comments")).json()["data"][0]["body"] == "We know."


async def test_for_those_who_work_on_the_parent(
    a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
) -> None:
    requester = await a_user()
    parent, child = await a_ticket(by=requester), await a_ticket(by=requester)
    await family(agent_client, parent, child)
    for path, body in (("resolve", FIX), ("comments", {"body": "x"})):
        reply = await as_user(requester).post(f"{at(parent)}/children/{path}", json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")
        reply = await as_user(await a_user()).post(f"{at(parent)}/children/{path}", json=body)
        assert (reply.status_code, reply.json()["code"]) == (404, "ticket_not_found")
