"""Creating the demo organisation itself: companies, people, teams, categories and rules, by the product's actions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS, Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database
from helpdesk_api.demo.catalogue import CATEGORIES, RULES
from helpdesk_api.demo.passwords import DEMO_SOURCE
from helpdesk_api.demo.people import (
    MONITORING,
    MONITORING_NAME,
    ORGANIZATIONS,
    PEOPLE,
    TEAMS,
    DemoPerson,
)
from helpdesk_api.demo_accounts import MAIL_DOMAIN
from helpdesk_api.domains.assignments.availability import set_availability
from helpdesk_api.domains.assignments.configuration import create_rule
from helpdesk_api.domains.assignments.schemas import AvailabilityUpdate, RoutingRuleCreate
from helpdesk_api.domains.authentication.credentials import create_service_account
from helpdesk_api.domains.authentication.schemas import ServiceAccountCreate
from helpdesk_api.domains.categories.actions import create_category
from helpdesk_api.domains.categories.schemas import CategoryCreate
from helpdesk_api.domains.organizations.actions import create_organization
from helpdesk_api.domains.organizations.schemas import OrganizationCreate
from helpdesk_api.domains.teams.actions import create_team, put_member
from helpdesk_api.domains.teams.schemas import MemberPut, TeamCreate
from helpdesk_api.domains.users.actions import create_user
from helpdesk_api.domains.users.schemas import UserCreate

_MONITORING_PERMISSIONS = frozenset({Permission.TICKETS_READ, Permission.TICKETS_WRITE})


@dataclass(slots=True)
class Cast:
    """The ids of what was created, by the keys that stories use."""

    organizations: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, UUID] = field(default_factory=dict)
    teams: dict[str, UUID] = field(default_factory=dict)
    categories: dict[str, UUID] = field(default_factory=dict)
    rules: int = 0

    def principal(self, key: str) -> Principal:
        """They as a caller, with every right of their role."""
        if key == MONITORING:
            return Principal(
                kind="service",
                user_id=self.people[key],
                role=Role.REQUESTER,
                permissions=_MONITORING_PERMISSIONS,
                name=MONITORING_NAME,
            )
        person = next(person for person in PEOPLE if person.key == key)
        led = frozenset(self.teams[team.key] for team in TEAMS if key in team.leads)
        return Principal(
            kind="user",
            user_id=self.people[key],
            role=person.role,
            permissions=ROLE_PERMISSIONS[person.role],
            name=person.name,
            team_ids=led | {self.teams[team.key] for team in TEAMS if key in team.members},
            led_team_ids=led,
            organization_id=self.organizations[person.organization],
            sees_organization=person.sees_organization,
        )

    def key_of(self, user_id: UUID) -> str:
        return next(key for key, found in self.people.items() if found == user_id)


async def create_organizations_and_people(session: AsyncSession, hashes: dict[Role, str]) -> Cast:
    """Companies, people with their passwords, teams with their members, and the category tree."""
    cast = Cast()
    system = Principal.system()
    for company in ORGANIZATIONS:
        body = OrganizationCreate(name=company.name, description=company.description)
        cast.organizations[company.key] = (await create_organization(session, system, body)).id
    for person in PEOPLE:
        user = await create_user(session, system, _user(person, cast))
        user.password_hash = hashes[person.role]
        cast.people[person.key] = user.id
    scopes = sorted(_MONITORING_PERMISSIONS)
    # Nobody is told the secret: an administrator who wants to use the account asks for a new one.
    service, _, _ = await create_service_account(
        session, system, ServiceAccountCreate(name=MONITORING_NAME, role=Role.REQUESTER, scopes=scopes)
    )
    cast.people[MONITORING] = service.id
    await session.flush()
    await _create_teams(session, cast)
    await _create_catalogue(session, cast)
    return cast


def _user(person: DemoPerson, cast: Cast) -> UserCreate:
    return UserCreate(
        name=person.name,
        email=person.email,
        role=person.role,
        department=person.department or None,
        phone=person.phone,
        location=person.location or None,
        manager_id=cast.people[person.manager] if person.manager is not None else None,
        time_zone=person.time_zone,
        locale=person.locale,
        organization_id=cast.organizations[person.organization],
        sees_organization=person.sees_organization,
        external_source=DEMO_SOURCE,
        external_id=person.key,
    )


async def _create_teams(session: AsyncSession, cast: Cast) -> None:
    system = Principal.system()
    for team in TEAMS:
        body = TeamCreate(
            name=team.name, description=team.description, email=f"{team.key}@{MAIL_DOMAIN}", auto_assign=True
        )
        created = await create_team(session, system, body)
        cast.teams[team.key] = created.id
        for key in (*team.leads, *team.members):
            await put_member(session, system, created, cast.people[key], MemberPut(is_lead=key in team.leads))


async def _create_catalogue(session: AsyncSession, cast: Cast) -> None:
    system = Principal.system()
    for position, category in enumerate(CATEGORIES):
        body = CategoryCreate(
            name=category.name,
            description=category.description,
            parent_id=cast.categories[category.parent] if category.parent is not None else None,
            team_id=cast.teams[category.team] if category.team is not None else None,
            default_priority=category.default_priority,
            position=position,
        )
        cast.categories[category.key] = (await create_category(session, system, body)).id
    for rule in RULES:
        values: dict[str, Any] = {
            "name": rule.name,
            "conditions": rule.conditions,
            "priority": rule.priority,
            "add_tags": list(rule.add_tags),
            "stops": rule.stops,
        }
        if rule.category is not None:
            values["category_id"] = cast.categories[rule.category]
        if rule.team is not None:
            values["team_id"] = cast.teams[rule.team]
        await create_rule(session, system, RoutingRuleCreate(**values))
        cast.rules += 1


async def set_limits(session: AsyncSession, database: Database, cast: Cast) -> None:
    """How many open tickets routing gives to somebody at most."""
    for person in PEOPLE:
        if person.open_limit is not None:
            body = AvailabilityUpdate(is_available=True, open_limit=person.open_limit)
            await set_availability(session, database, Principal.system(), cast.people[person.key], body)


async def set_absences(session: AsyncSession, database: Database, cast: Cast, now: datetime) -> None:
    """Who is away at the moment, and until when."""
    for person in PEOPLE:
        if person.away_days is not None:
            until = now + timedelta(days=person.away_days)
            body = AvailabilityUpdate(is_available=False, away_until=until, open_limit=person.open_limit)
            await set_availability(session, database, Principal.system(), cast.people[person.key], body)
