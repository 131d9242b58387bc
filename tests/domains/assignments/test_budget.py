"""What routing and assigning cost, in statements; with warm caches, as in a process that has run for a minute."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.assignments import actions
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.installation import install_wiring
from tests.factories.records import make_team, make_ticket, make_user, principal_of


@pytest.fixture(autouse=True)
def _wired(settings: Settings) -> None:
    install_wiring(settings)


@asynccontextmanager
async def counting() -> AsyncIterator[StatementCount]:
    count = StatementCount()
    token = statement_count.set(count)
    try:
        yield count
    finally:
        statement_count.reset(token)


async def opening_costs(database: Database, opener: Any, **values: Any) -> int:
    await make_ticket(database, by=opener, **values)
    async with counting() as count:
        await make_ticket(database, by=opener, **values)
    return count.value


@pytest.mark.parametrize("members", [1, 8])
async def test_routing_adds_one_select_and_one_write(own_database: Database, members: int) -> None:
    opener = await make_user(own_database, role=Role.ADMIN)
    team = await make_team(own_database)
    for _ in range(members):
        await make_user(own_database, role=Role.AGENT, teams=[team])
    without = await opening_costs(own_database, opener)
    assert await opening_costs(own_database, opener, team_id=team.id) == without + 2


async def test_an_explicit_assignment_adds_one_write(own_database: Database) -> None:
    opener = await make_user(own_database, role=Role.ADMIN)
    without = await opening_costs(own_database, opener)
    assert await opening_costs(own_database, opener, assignee_id=opener.id) == without + 1


@pytest.mark.parametrize(("body", "most"), [({"assignee_id": "me"}, 4), ({"strategy": "least_loaded"}, 5)])
async def test_assigning_costs_at_most(own_database: Database, body: dict[str, str], most: int) -> None:
    team = await make_team(own_database)
    member = await make_user(own_database, role=Role.AGENT, teams=[team])
    other = await make_user(own_database, role=Role.AGENT, teams=[team])
    ticket = await make_ticket(own_database, team_id=team.id, assignee_id=other.id)
    principal = await principal_of(own_database, member)
    async with counting() as count, own_database.session() as session:
        found, _ = await lock_visible(session, principal, ticket.reference)
        request = AssignmentCreate.model_validate({**body, "replace": True})
        await actions.assign_ticket(session, own_database, principal, found, request)
    # Its lock, the people's load, the ticket, its event; and the roster where somebody is to be found.
    assert count.value <= most
