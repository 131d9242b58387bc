"""Linking two tickets. Both rows are locked here, in the one order that everybody keeps."""

from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Uuid, cast, delete, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.relations import events
from helpdesk_api.domains.relations.enums import Relation
from helpdesk_api.domains.relations.errors import (
    FamilyTooDeep,
    LinkCycle,
    LinkExists,
    LinkNotFound,
    LinkToItself,
    ParentExists,
    TooManyChildren,
)
from helpdesk_api.domains.relations.locking import lock_all, unmerged
from helpdesk_api.domains.relations.models import TicketLink
from helpdesk_api.domains.relations.rules import MAX_CHILDREN, MAX_LEVELS, kind_from, stored_as
from helpdesk_api.domains.relations.schemas import LinkCreate
from helpdesk_api.domains.tickets.actions import require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference

# Rows alone do not stop a circle that two callers close over four tickets.
_LINKS_LOCK = 0x6C696E6B


async def link_tickets(
    session: AsyncSession, principal: Principal, key: str, body: LinkCreate
) -> tuple[TicketLink, Ticket]:
    """The link and the other ticket. Raises `ticket_not_found`, `action_forbidden`, `unknown_reference`,
    `link_to_itself`, `link_exists`, and what `_check_shape` does."""
    relation, is_inverse = stored_as(body.kind)
    if relation is not Relation.RELATES_TO:
        await lock_links(session)
    one, other = await lock_all(session, principal, [key, body.ticket_id])
    if one is None:
        raise TicketNotFound
    require(principal, one.ticket, TicketAction.LINK)
    if other is None:
        raise UnknownReference(pointer="#/ticket_id")
    if one is other:
        raise LinkToItself(pointer="#/ticket_id")
    ticket, linked = one.ticket, unmerged(other, "#/ticket_id")
    start, end = (linked, ticket) if is_inverse else (ticket, linked)
    await _refuse_repeated(session, start, relation, end)
    await _check_shape(session, start, relation, end)
    return await add_link(session, principal, start, relation, end), linked


async def lock_links(session: AsyncSession) -> None:
    """Before the tickets' rows, by whoever may add a link that has a direction."""
    await session.execute(select(func.pg_advisory_xact_lock(_LINKS_LOCK)))


async def add_link(
    session: AsyncSession, principal: Principal, start: Ticket, relation: Relation, end: Ticket
) -> TicketLink:
    """Unchecked, for who knows that it fits; both rows are locked."""
    link = TicketLink(
        id=new_id(),
        from_id=start.id,
        relation=relation,
        to_id=end.id,
        created_by_id=principal.user_id,
        created_at=clock.now(),
    )
    session.add(link)
    await _tell(session, principal, events.TicketLinked, link, start, end)
    return link


async def _tell(
    session: AsyncSession, principal: Principal, kind: type[TicketEvent], link: TicketLink, start: Ticket, end: Ticket
) -> None:
    for ticket, other, is_inverse in ((start, end, False), (end, start, True)):
        touch(ticket, public=False)
        event = kind(
            subject_id=ticket.id,
            ticket_id=ticket.id,
            visibility=Visibility.INTERNAL,
            data={"reference": ticket.reference},
            internal_data={
                "link_id": public_id("lnk", link.id),
                "kind": kind_from(link.relation, is_inverse=is_inverse).value,
                "linked_id": public_id("tkt", other.id),
                "linked_reference": other.reference,
            },
            entity=ticket,
            ticket=ticket,
        )
        await record(session, principal, event)


async def is_linked(session: AsyncSession, start: Ticket, relation: Relation, end: Ticket) -> bool:
    """In this direction; for one without a direction, in any."""
    pairs = [(TicketLink.from_id == start.id) & (TicketLink.to_id == end.id)]
    if relation is Relation.RELATES_TO:
        pairs.append((TicketLink.from_id == end.id) & (TicketLink.to_id == start.id))
    found = await session.scalar(select(exists().where(TicketLink.relation == relation, or_(*pairs))))
    return bool(found)


async def _refuse_repeated(session: AsyncSession, start: Ticket, relation: Relation, end: Ticket) -> None:
    if await is_linked(session, start, relation, end):
        raise LinkExists(pointer="#/ticket_id")


async def _check_shape(session: AsyncSession, start: Ticket, relation: Relation, end: Ticket) -> None:
    """Raises `link_cycle`, `parent_exists`, `family_too_deep` and `too_many_children`."""
    if relation is Relation.RELATES_TO:
        return
    if await leads_to(session, end, relation, start):
        raise LinkCycle(pointer="#/ticket_id")
    if relation is not Relation.PARENT_OF:
        return
    if await session.scalar(select(exists().where(_is_parent_of(TicketLink.to_id, end.id)))):
        raise ParentExists(pointer="#/ticket_id")
    children = await session.scalar(select(func.count()).where(_is_parent_of(TicketLink.from_id, start.id)))
    if (children or 0) >= MAX_CHILDREN:
        raise TooManyChildren(pointer="#/ticket_id")
    below = await session.scalar(select(func.max(_from(end.id, relation).c.level)))
    above = await session.scalar(select(func.max(_from(start.id, relation, backwards=True).c.level)))
    if (above or 0) + (below or 0) > MAX_LEVELS:
        raise FamilyTooDeep(pointer="#/ticket_id")


async def leads_to(session: AsyncSession, start: Ticket, relation: Relation, end: Ticket) -> bool:
    """Over any number of links."""
    onward = _from(start.id, relation)
    return bool(await session.scalar(select(exists().where(onward.c.id == end.id))))


def _is_parent_of(column: Any, ticket_id: UUID) -> Any:
    return (TicketLink.relation == Relation.PARENT_OF) & (column == ticket_id)


def _from(ticket_id: UUID, relation: Relation, *, backwards: bool = False) -> CTE:
    """The ticket and all that its links lead to, with the number of tickets on a way there.

    A way is followed no further than a family is deep when levels matter; else each ticket is visited once.
    """
    here, there = (TicketLink.to_id, TicketLink.from_id) if backwards else (TicketLink.from_id, TicketLink.to_id)
    is_family = relation is Relation.PARENT_OF
    visited = select(cast(ticket_id, Uuid(as_uuid=True)).label("id"), literal_column("1").label("level")).cte(
        "visited", recursive=True
    )
    step = select(there, visited.c.level + 1 if is_family else visited.c.level).where(
        here == visited.c.id, TicketLink.relation == relation
    )
    return visited.union(step.where(visited.c.level <= MAX_LEVELS) if is_family else step)


async def unlink_tickets(session: AsyncSession, principal: Principal, key: str, link_id: UUID) -> None:
    """Raises `ticket_not_found`, `link_not_found` and `action_forbidden`."""
    link = await session.get(TicketLink, link_id)
    # Keys that are no link's are locked too, so that what is hidden answers like what is absent.
    keys = [key, *(public_id("tkt", link.from_id), public_id("tkt", link.to_id))] if link is not None else [key]
    one, *sides = await lock_all(session, principal, keys)
    if one is None:
        raise TicketNotFound
    require(principal, one.ticket, TicketAction.LINK)
    tickets = [side.locked for side in sides if side is not None]
    if link is None or len(tickets) < 2 or one.ticket not in tickets:  # noqa: PLR2004 - both of its tickets
        raise LinkNotFound
    removed = await session.execute(delete(TicketLink).where(TicketLink.id == link.id).returning(TicketLink.id))
    if removed.scalar() is None:
        raise LinkNotFound
    await _tell(session, principal, events.TicketUnlinked, link, tickets[0], tickets[1])
