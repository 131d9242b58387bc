"""One word to all open children: each in a savepoint of its own, so that one that fails stops no other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.database.writes import update_at_flush
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.relations.enums import Relation
from helpdesk_api.domains.relations.models import TicketLink
from helpdesk_api.domains.tickets.actions import require, resolve_ticket
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.queries import VisibleTicket, know_target
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.domains.tickets.schemas import TicketResolve
from helpdesk_api.domains.tickets.several import lock_many_visible
from helpdesk_api.web.errors import ProblemError
from helpdesk_api.web.problems import of_one

OK = 200
Step = Callable[[VisibleTicket], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """What became of one child."""

    ticket_id: UUID
    reference: str
    problem: ProblemError | None = None

    @property
    def status(self) -> int:
        return self.problem.status if self.problem is not None else OK


async def resolve_children(
    session: AsyncSession, principal: Principal, key: str, body: TicketResolve
) -> list[ChildOutcome]:
    """Raises `ticket_not_found`, `ticket_merged` and `action_forbidden` for the parent alone."""

    async def resolve(child: VisibleTicket) -> None:
        await resolve_ticket(session, principal, child.ticket, body)

    return await _each(session, principal, key, TicketAction.RESOLVE_CHILDREN, resolve)


async def answer_children(
    session: AsyncSession, database: Database, principal: Principal, key: str, body: CommentCreate
) -> list[ChildOutcome]:
    """Raises as `resolve_children` does."""

    async def answer(child: VisibleTicket) -> None:
        await add_comment(session, database, principal, child.ticket, body, is_participant=child.is_participant)

    return await _each(session, principal, key, TicketAction.ANSWER_CHILDREN, answer)


async def _each(
    session: AsyncSession, principal: Principal, key: str, action: TicketAction, step: Step
) -> list[ChildOutcome]:
    """Over the open children that the caller can see, oldest first. All rows are locked before the first is changed."""
    linked = select(TicketLink.to_id).where(
        TicketLink.relation == Relation.PARENT_OF, TicketLink.from_id == parse_id("tkt", key)
    )
    keys = [public_id("tkt", child_id) for child_id in await session.scalars(linked)]
    found = await lock_many_visible(session, principal, [key, *keys])
    if key not in found:
        raise TicketNotFound
    require(principal, (await know_target(session, principal, found[key])).ticket, action)
    children = {child.locked.id: child for child in (found[one] for one in keys if one in found)}
    return [
        await _take(session, child, step)
        for _, child in sorted(children.items())
        if child.locked.status in ACTIVE_STATUSES
    ]


async def _take(session: AsyncSession, child: VisibleTicket, step: Step) -> ChildOutcome:
    ticket_id, reference = child.locked.id, child.locked.reference
    try:
        async with savepoint(session):
            update_at_flush(session, child.locked)
            await step(child)
    except ProblemError as error:
        return ChildOutcome(ticket_id, reference, error)
    except Exception as error:  # noqa: BLE001 - logged, or raised again
        return ChildOutcome(ticket_id, reference, of_one(error, ticket_id=public_id("tkt", ticket_id)))
    return ChildOutcome(ticket_id, reference)
