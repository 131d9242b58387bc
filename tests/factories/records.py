"""Records for tests, made through the tables or the product's own actions; every call makes a distinct one."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS, STAFF_ROLES, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.categories.enums import TicketType
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.organizations.models import Organization
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import open_ticket
from helpdesk_api.domains.tickets.schemas import TicketCreate
from helpdesk_api.domains.users.models import User

Make = Callable[..., Awaitable[Any]]


async def make_user(
    database: Database,
    *,
    role: Role = Role.REQUESTER,
    teams: list[Team] | None = None,
    **values: Any,
) -> User:
    identifier = new_id()
    leads = values.pop("leads", False)
    now = clock.now()
    defaults: dict[str, Any] = {
        "id": identifier,
        "kind": "user",
        "name": f"Person {identifier.hex[-6:]}",
        "email": f"{identifier.hex[-12:]}@example.test",
        "role": role,
        "sees_organization": False,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    user = User(**{**defaults, **values})
    async with database.session() as session:
        session.add(user)
        await session.flush()
        for team in teams or []:
            session.add(TeamMember(team_id=team.id, user_id=user.id, is_lead=leads))
        if role in STAFF_ROLES:
            session.add(Agent(user_id=user.id, is_available=True, open_load=0, open_count=0))
    return user


async def principal_of(database: Database, user: User) -> Principal:
    """The user as a caller with all rights of the role."""
    grants = await GRANTS.get(database, user.id.hex)
    assert grants is not None
    return Principal(
        kind=grants.kind,
        user_id=grants.user_id,
        role=grants.role,
        permissions=ROLE_PERMISSIONS[grants.role],
        name=grants.name,
        team_ids=grants.team_ids,
        led_team_ids=grants.led_team_ids,
        organization_id=grants.organization_id,
        sees_organization=grants.sees_organization,
    )


async def make_team(database: Database, **values: Any) -> Team:
    identifier = new_id()
    now = clock.now()
    defaults: dict[str, Any] = {
        "id": identifier,
        "name": f"Team {identifier.hex[-6:]}",
        "auto_assign": True,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    team = Team(**{**defaults, **values})
    async with database.session() as session:
        session.add(team)
    return team


async def make_category(database: Database, **values: Any) -> Category:
    identifier = new_id()
    now = clock.now()
    defaults: dict[str, Any] = {
        "id": identifier,
        "name": f"Category {identifier.hex[-6:]}",
        "position": 0,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    category = Category(**{**defaults, **values})
    async with database.session() as session:
        session.add(category)
    return category


async def make_organization(database: Database, **values: Any) -> Organization:
    identifier = new_id()
    now = clock.now()
    defaults: dict[str, Any] = {
        "id": identifier,
        "name": f"Organization {identifier.hex[-6:]}",
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    organization = Organization(**{**defaults, **values})
    async with database.session() as session:
        session.add(organization)
    return organization


async def make_ticket(database: Database, *, by: User | None = None, **values: Any) -> Ticket:
    """Opened through the product's action by `by` (an admin when left out); `status` and the like are then set."""
    opener = by or await make_user(database, role=Role.ADMIN)
    fields = {name: values.pop(name) for name in list(values) if name in TicketCreate.model_fields}
    body = TicketCreate(
        **{
            "type": TicketType.INCIDENT,
            "subject": "Printer on fire",
            "description": "It *burns*.",
            **fields,
        }
    )
    async with database.session() as session:
        ticket = await open_ticket(session, database, await principal_of(database, opener), body)
        for name, value in values.items():
            setattr(ticket, name, value)
    return ticket


def _factory(make: Callable[..., Awaitable[Any]]) -> Any:
    def factory(database: Database) -> Make:
        async def one(**values: Any) -> Any:
            return await make(database, **values)

        return one

    return pytest.fixture(factory)


a_user = _factory(make_user)
a_team = _factory(make_team)
a_category = _factory(make_category)
an_organization = _factory(make_organization)
a_ticket = _factory(make_ticket)
