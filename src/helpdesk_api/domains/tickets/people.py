"""Who else is on a ticket: collaborators work on it, participants see its public side, watchers are told of what they
may read anyway."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import events, policy
from helpdesk_api.domains.tickets.actions import require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import (
    ActionForbidden,
    CollaboratorNotFound,
    CollaboratorNotStaff,
    ParticipantNotFound,
    TooManyCollaborators,
    WatcherNotFound,
)
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.domains.tickets.rules import MAX_COLLABORATORS
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import NotFound


async def add_participant(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    user_id: UUID,
) -> None:
    """Idempotent. Raises `not_found` for nobody, `action_forbidden` for who may not add."""
    require(principal, ticket, TicketAction.ADD_PARTICIPANT)
    grants = await GRANTS.get(database, user_id.hex)
    if grants is None or not grants.is_active:
        raise NotFound
    added = await session.execute(
        insert(TicketParticipant)
        .values(
            ticket_id=ticket.id,
            user_id=user_id,
            added_by_id=principal.user_id,
            added_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(TicketParticipant.user_id)
    )
    if added.scalar() is not None:
        await _record(
            session,
            principal,
            ticket,
            events.ParticipantAdded,
            user_id,
            Visibility.PUBLIC,
        )


async def remove_participant(session: AsyncSession, principal: Principal, ticket: Ticket, user_id: UUID) -> None:
    """Raises `participant_not_found`. Anybody may leave by themselves."""
    if user_id != principal.user_id:
        require(principal, ticket, TicketAction.ADD_PARTICIPANT)
    removed = await session.execute(
        delete(TicketParticipant)
        .where(
            TicketParticipant.ticket_id == ticket.id,
            TicketParticipant.user_id == user_id,
        )
        .returning(TicketParticipant.user_id)
    )
    if removed.scalar() is None:
        raise ParticipantNotFound
    await _record(
        session,
        principal,
        ticket,
        events.ParticipantRemoved,
        user_id,
        Visibility.PUBLIC,
    )


async def share(session: AsyncSession, database: Database, principal: Principal, ticket: Ticket, user_id: UUID) -> None:
    """Idempotent. Raises `not_found` for nobody, `collaborator_not_staff`, `too_many_collaborators` and
    `action_forbidden`."""
    require(principal, ticket, TicketAction.SHARE)
    grants = await GRANTS.get(database, user_id.hex)
    if grants is None or not grants.is_active:
        raise NotFound
    if grants.role not in STAFF_ROLES:
        raise CollaboratorNotStaff
    if user_id in ticket.collaborator_ids:
        return
    if len(ticket.collaborator_ids) >= MAX_COLLABORATORS:
        raise TooManyCollaborators
    ticket.collaborator_ids = [*ticket.collaborator_ids, user_id]
    await _record(session, principal, ticket, events.CollaboratorAdded, user_id, Visibility.INTERNAL)


async def unshare(session: AsyncSession, principal: Principal, ticket: Ticket, user_id: UUID) -> None:
    """Raises `collaborator_not_found`. Anybody may leave by themselves."""
    if user_id != principal.user_id:
        require(principal, ticket, TicketAction.SHARE)
    if user_id not in ticket.collaborator_ids:
        raise CollaboratorNotFound
    ticket.collaborator_ids = [one for one in ticket.collaborator_ids if one != user_id]
    await _record(session, principal, ticket, events.CollaboratorRemoved, user_id, Visibility.INTERNAL)


async def watch(session: AsyncSession, database: Database, principal: Principal, ticket: Ticket, user_id: UUID) -> None:
    """Idempotent. Anybody watches what they see; staff may also let others watch. Raises `not_found` for nobody."""
    if user_id != principal.user_id and not policy.works_on(principal, ticket):
        raise ActionForbidden(TicketAction.WATCH)
    require(principal, ticket, TicketAction.WATCH)
    grants = await GRANTS.get(database, user_id.hex)
    if grants is None or not grants.is_active:
        raise NotFound
    if await add_watcher(session, ticket, user_id):
        await _record(
            session,
            principal,
            ticket,
            events.WatcherAdded,
            user_id,
            Visibility.INTERNAL,
        )


async def let_watch(session: AsyncSession, ticket: Ticket, user_id: UUID, cause: Cause) -> None:
    """By the product itself; who was deactivated is not told of it."""
    grants = await GRANTS.get_within(session, user_id.hex)
    if grants is None or not grants.is_active or not await add_watcher(session, ticket, user_id):
        return
    kind, system = events.WatcherAdded, Principal.system()
    await _record(session, system, ticket, kind, user_id, Visibility.INTERNAL, cause=cause)


async def add_watcher(session: AsyncSession, ticket: Ticket, user_id: UUID) -> bool:
    """The row alone, for who records the reason themselves; False when it was there."""
    added = await session.execute(
        insert(TicketWatcher)
        .values(ticket_id=ticket.id, user_id=user_id, added_at=clock.now())
        .on_conflict_do_nothing()
        .returning(TicketWatcher.user_id)
    )
    return added.scalar() is not None


async def unwatch(session: AsyncSession, principal: Principal, ticket: Ticket, user_id: UUID) -> None:
    """Raises `watcher_not_found`."""
    if user_id != principal.user_id and not policy.works_on(principal, ticket):
        raise ActionForbidden(TicketAction.WATCH)
    require(principal, ticket, TicketAction.WATCH)
    removed = await session.execute(
        delete(TicketWatcher)
        .where(TicketWatcher.ticket_id == ticket.id, TicketWatcher.user_id == user_id)
        .returning(TicketWatcher.user_id)
    )
    if removed.scalar() is None:
        raise WatcherNotFound
    await _record(session, principal, ticket, events.WatcherRemoved, user_id, Visibility.INTERNAL)


async def _record(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    kind: type[events.TicketEvent],
    user_id: UUID,
    visibility: Visibility,
    *,
    cause: Cause | None = None,
) -> None:
    touch(ticket, public=visibility is Visibility.PUBLIC)
    event = kind(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=visibility,
        data={"reference": ticket.reference, "user_id": public_id("usr", user_id)},
        entity=ticket,
        ticket=ticket,
    )
    await record(session, principal, event, cause=cause)
