"""The demo organisation: every state is there, its histories are true, and nobody gets mail for its past."""

from collections import Counter

from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.demo import (
    DEMO_PASSWORDS,
    DEMO_SIGN_INS,
    STORIES,
    create_demo,
    demo_password_in_use,
    is_empty,
)
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.categories.enums import Channel, Priority, TicketType
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.domains.users.models import User
from helpdesk_api.installation import install_wiring
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.worker import drain


async def test_it_is_whole_and_true_and_production_can_tell_its_passwords(
    own_database: Database, settings: Settings
) -> None:
    """All in one: it takes a second to make."""
    install_wiring(settings)
    assert await is_empty(own_database)
    assert not await demo_password_in_use(own_database)
    await create_demo(own_database)
    assert not await is_empty(own_database)
    await every_state_is_there(own_database)
    await histories_are_true(own_database)
    await one_sign_in_per_role(own_database)
    await the_past_is_not_news(own_database)
    await production_can_tell_that_its_passwords_are_in_use(own_database)


async def every_state_is_there(demo: Database) -> None:
    async with demo.session() as session:
        tickets = (await session.scalars(select(Ticket))).all()
        people = (await session.scalars(select(User))).all()
    assert len(tickets) >= len(STORIES) >= 40
    assert {ticket.status for ticket in tickets} == set(TicketStatus)
    assert {ticket.type for ticket in tickets} == set(TicketType)
    assert {ticket.priority for ticket in tickets} == set(Priority)
    assert {ticket.channel for ticket in tickets} == set(Channel)
    assert {ticket.pending_reason for ticket in tickets} == {None, *PendingReason}
    assert {person.role for person in people} == set(Role)
    assert {person.kind.value for person in people} == {"user", "service"}
    assert max(ticket.reopened_count for ticket in tickets) == 1
    assert [ticket for ticket in tickets if ticket.follow_up_of_id is not None]


async def histories_are_true(demo: Database) -> None:
    now = clock.now()
    async with demo.session() as session:
        events = (await session.scalars(select(EventRow).order_by(EventRow.position))).all()
        tickets = {ticket.id: ticket for ticket in (await session.scalars(select(Ticket))).all()}
        loads = {agent.user_id: agent.open_count for agent in (await session.scalars(select(Agent))).all()}
    held = Counter(ticket.assignee_id for ticket in tickets.values() if ticket.status in ACTIVE_STATUSES)
    assert {user_id: count for user_id, count in loads.items() if count} == {
        user_id: count for user_id, count in held.items() if user_id is not None
    }
    # A breach is told with its true instant, by whatever happened next.
    told = [event for event in events if event.ticket_id is not None and not event.type.startswith("sla.")]
    assert [event.occurred_at for event in told] == sorted(event.occurred_at for event in told)
    assert all(event.occurred_at < now for event in events)
    for ticket in tickets.values():
        own = [event for event in told if event.ticket_id == ticket.id]
        assert own[0].type == "ticket.created"
        assert own[0].occurred_at == ticket.created_at
        assert own[-1].occurred_at == ticket.updated_at
        statuses = [event.changes["status"][1] for event in own if "status" in event.changes]
        assert statuses[-1] == ticket.status
    numbers = {(ticket.reference_prefix, ticket.number): ticket.created_at for ticket in tickets.values()}
    assert [numbers[key] for key in sorted(numbers)] == [
        at
        for prefix in sorted({key[0] for key in numbers})
        for at in sorted(at for key, at in numbers.items() if key[0] == prefix)
    ]


async def the_past_is_not_news(demo: Database) -> None:
    await drain(demo)
    async with demo.session() as session:
        assert await session.scalar(select(func.count()).select_from(OutboundMail)) == 0
        assert await session.scalar(select(func.count()).select_from(EventRow).where(EventRow.sequence.is_(None))) == 0


async def one_sign_in_per_role(demo: Database) -> None:
    assert list(DEMO_SIGN_INS) == [role.value for role in Role]
    async with demo.session() as session:
        for role, (email, password) in DEMO_SIGN_INS.items():
            user = (await session.scalars(select(User).where(User.email == email))).one()
            assert user.role == role
            assert password == DEMO_PASSWORDS[Role(role)]


async def production_can_tell_that_its_passwords_are_in_use(demo: Database) -> None:
    assert await demo_password_in_use(demo)
    async with demo.session() as session:
        for person in (await session.scalars(select(User))).all():
            person.email = f"moved-{person.email}" if person.email else None
    assert await demo_password_in_use(demo)
    async with demo.session() as session:
        for person in (await session.scalars(select(User))).all():
            person.deactivated_at = clock.now()
    assert not await demo_password_in_use(demo)
