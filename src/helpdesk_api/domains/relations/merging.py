"""One ticket goes on in another: what was said and who takes part moves there, and the old name leads there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.relations.actions import add_link, is_linked, leads_to, lock_links
from helpdesk_api.domains.relations.enums import Relation
from helpdesk_api.domains.relations.errors import LinkCycle, MergeIntoItself, MergeTargetFinal
from helpdesk_api.domains.relations.locking import lock_all, unmerged
from helpdesk_api.domains.relations.schemas import MergeChoices, TicketMerge, TicketMergeIn
from helpdesk_api.domains.tickets.actions import merge_ticket, require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import TicketNotFound, TicketRepeated, TransitionNotAllowed
from helpdesk_api.domains.tickets.events import TicketMerged
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.domains.tickets.queries import VisibleTicket
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference

_INTO = "#/into"


async def merge_into(
    session: AsyncSession, database: Database, principal: Principal, key: str, body: TicketMerge
) -> Ticket:
    """The ticket that goes on. Raises `ticket_not_found`, `ticket_merged`, `action_forbidden`,
    `transition_not_allowed`, `unknown_reference`, `merge_into_itself`, `merge_target_final` and `link_cycle`."""
    await lock_links(session)
    one, target = await lock_all(session, principal, [key, body.into])
    if one is None:
        raise TicketNotFound
    require(principal, one.ticket, TicketAction.MERGE)
    if target is None:
        raise UnknownReference(pointer=_INTO)
    if one is target:
        raise MergeIntoItself(pointer=_INTO)
    into = unmerged(target, _INTO)
    _require_target(principal, into)
    await _merge(session, principal, one.ticket, into, body, _INTO)
    await _say(session, database, principal, target, body)
    return into


async def merge_in(
    session: AsyncSession, database: Database, principal: Principal, key: str, body: TicketMergeIn
) -> Ticket:
    """All of them or none. Raises `ticket_repeated` and what `merge_into` does, and points at what does not fit."""
    await lock_links(session)
    target, *others = await lock_all(session, principal, [key, *body.ticket_ids])
    if target is None:
        raise TicketNotFound
    into = target.ticket
    _require_target(principal, into)
    for place, other in enumerate(others):
        pointer = f"#/ticket_ids/{place}"
        if other is None:
            raise UnknownReference(pointer=pointer)
        if other is target:
            raise MergeIntoItself(pointer=pointer)
        # One row is one object here, by whichever of its names it was asked for.
        if other in others[:place]:
            raise TicketRepeated(pointer=pointer)
        await _merge(session, principal, unmerged(other, pointer), into, body, pointer)
    await _say(session, database, principal, target, body)
    return into


def _require_target(principal: Principal, into: Ticket) -> None:
    try:
        require(principal, into, TicketAction.MERGE_IN)
    except TransitionNotAllowed as error:
        raise MergeTargetFinal(params={"status": into.status.value}) from error


async def _merge(
    session: AsyncSession, principal: Principal, ticket: Ticket, into: Ticket, choices: MergeChoices, pointer: str
) -> None:
    require(principal, ticket, TicketAction.MERGE)
    linked = any([await is_linked(session, *pair) for pair in _duplicates(ticket, into)])
    if await _goes_round(session, ticket, into, is_linked=linked):
        raise LinkCycle(pointer=pointer)
    await merge_ticket(session, principal, ticket, into)
    await session.flush()
    # What was merged into this one before goes on there as well: one step always leads to the end.
    await session.execute(
        update(Ticket)
        .where(Ticket.merged_into_id == ticket.id)
        .values(merged_into_id=into.id, version=Ticket.version + 1, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    await _carry_comments(session, ticket, into)
    joined = await _carry_people(session, principal, ticket, into, choices)
    touch(into, public=True)
    event = TicketMerged(
        subject_id=into.id,
        ticket_id=into.id,
        data={"reference": into.reference, "role": "target", "participant_ids": joined},
        internal_data={"merged_id": public_id("tkt", ticket.id), "merged_reference": ticket.reference},
        entity=into,
        ticket=into,
    )
    await record(session, principal, event)
    if not linked:
        await add_link(session, principal, ticket, Relation.DUPLICATES, into)


async def _goes_round(session: AsyncSession, ticket: Ticket, into: Ticket, *, is_linked: bool) -> bool:
    """By the link that says what became of it, or because what goes on stands below what ends in its family."""
    by_link = not is_linked and await leads_to(session, into, Relation.DUPLICATES, ticket)
    return by_link or await leads_to(session, ticket, Relation.PARENT_OF, into)


def _duplicates(one: Ticket, other: Ticket) -> Sequence[tuple[Ticket, Relation, Ticket]]:
    return (one, Relation.DUPLICATES, other), (other, Relation.DUPLICATES, one)


async def _carry_comments(session: AsyncSession, ticket: Ticket, into: Ticket) -> None:
    """The rows move, since a text lives in one place. The old ticket keeps its numbers: its readers still see them."""
    await session.execute(
        update(Comment)
        .where(Comment.ticket_id == ticket.id)
        .values(
            ticket_id=into.id,
            ticket_created_at=into.created_at,
            merged_from_id=func.coalesce(Comment.merged_from_id, ticket.id),
        )
        .execution_options(synchronize_session=False)
    )
    # Asked before the target has the other's times.
    into.last_comment_id = max((into, ticket), key=_last_said).last_comment_id
    into.public_comment_count += ticket.public_comment_count
    into.internal_comment_count += ticket.internal_comment_count
    news = [
        (one.last_public_comment_at, one.last_public_comment_id)
        for one in (into, ticket)
        if one.last_public_comment_at is not None
    ]
    if news:
        into.last_public_comment_at, into.last_public_comment_id = max(news, key=_instant)
    notes = [one.last_internal_comment_at for one in (into, ticket) if one.last_internal_comment_at is not None]
    into.last_internal_comment_at = max(notes, default=None)


def _instant(news: tuple[Any, UUID | None]) -> Any:
    return news[0]


def _last_said(ticket: Ticket) -> float:
    instants = (ticket.last_public_comment_at, ticket.last_internal_comment_at)
    return max((at.timestamp() for at in instants if at is not None), default=0)


async def _carry_people(
    session: AsyncSession, principal: Principal, ticket: Ticket, into: Ticket, choices: MergeChoices
) -> list[str]:
    """Watchers see no more than they did; who becomes a participant reads what is said there: their public ids."""
    now = clock.now()
    watchers = select(literal(into.id, Ticket.id.type), TicketWatcher.user_id, literal(now)).where(
        TicketWatcher.ticket_id == ticket.id
    )
    names = ["ticket_id", "user_id", "added_at"]
    await session.execute(insert(TicketWatcher).from_select(names, watchers).on_conflict_do_nothing())
    joining: set[UUID] = set()
    if choices.add_participants:
        found = select(TicketParticipant.user_id).where(TicketParticipant.ticket_id == ticket.id)
        joining |= set((await session.scalars(found)).all())
    if choices.add_requester:
        joining.add(ticket.requester_id)
    joining.discard(into.requester_id)
    if not joining:
        return []
    rows = [
        {"ticket_id": into.id, "user_id": user_id, "added_by_id": principal.user_id, "added_at": now}
        for user_id in sorted(joining)
    ]
    added = await session.scalars(
        insert(TicketParticipant).values(rows).on_conflict_do_nothing().returning(TicketParticipant.user_id)
    )
    return [public_id("usr", user_id) for user_id in added]


async def _say(
    session: AsyncSession, database: Database, principal: Principal, target: VisibleTicket, choices: MergeChoices
) -> None:
    if choices.comment is None:
        return
    said = CommentCreate(body=choices.comment, visibility=choices.comment_visibility)
    await add_comment(session, database, principal, target.ticket, said, is_participant=target.is_participant)
