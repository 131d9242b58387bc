"""The ticket of a path, seen and not locked: for what hangs on it and changes nothing of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import ColumnElement, bindparam, select

from helpdesk_api.authorization.dependencies import authenticate
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TicketKey, get_followed_row, get_row


@lru_cache(maxsize=64)
def _seen_statement(shape: policy.CallerShape, *, by_id: bool) -> CompiledStatement:
    named: ColumnElement[bool] = (
        Ticket.id == bindparam("key", type_=Ticket.id.type) if by_id else Ticket.reference == bindparam("key")
    )
    works = policy.sees_internal(shape).label("works")
    return CompiledStatement(select(Ticket.id, Ticket.merged_into_id, works).where(named, policy.readable(shape)))


async def _find(ticket_id: str, request: Request, session: SessionDep) -> Any:
    principal = await authenticate(request)
    by_id = ticket_id.startswith("tkt_")
    parameters = {
        **policy.caller_parameters(principal),
        "key": parse_id("tkt", ticket_id) if by_id else ticket_id,
    }
    statement = _seen_statement(policy.shape_of(principal), by_id=by_id)
    row = await (await statements_of(session)).fetch_one(statement, parameters)
    if row is None:
        raise TicketNotFound
    return row


async def _seen(ticket_id: TicketKey, request: Request, session: SessionDep) -> str:
    return public_id("tkt", (await _find(ticket_id, request, session))["id"])


@dataclass(frozen=True, slots=True)
class WorkedTicket:
    """For a merged one: where it goes on, when that is for the caller's eyes."""

    seen_id: UUID
    is_merged: bool = False
    target_id: UUID | None = None
    works_on_target: bool = False

    @property
    def id(self) -> UUID:
        """For a change. Raises `ticket_merged`, and so only after an earlier twin's answer was looked for."""
        if self.is_merged:
            raise TicketMerged(self.target_id)
        return self.seen_id

    @property
    def left_id(self) -> UUID:
        """For throwing away what a merge has left there for who does not work where it went. Raises as `id` does."""
        return self.id if self.works_on_target else self.seen_id


def _worked_for(action: TicketAction) -> Any:
    async def worked(ticket_id: TicketKey, request: Request, session: SessionDep) -> WorkedTicket:
        row = await _find(ticket_id, request, session)
        if not row["works"]:
            raise ActionForbidden(action)
        if row["merged_into_id"] is None:
            return WorkedTicket(row["id"])
        principal = await authenticate(request)
        target = select(Ticket.id, policy.sees_internal(principal)).where(
            policy.readable(principal), Ticket.id == row["merged_into_id"]
        )
        target_id, works = (await session.execute(target)).one_or_none() or (None, False)
        return WorkedTicket(row["id"], is_merged=True, target_id=target_id, works_on_target=works)

    return Depends(worked)


SeenTicketDep = Annotated[str, Depends(_seen)]
"""The id of a ticket that the caller can see. It is not locked yet: the second ticket may have to be the first."""
DraftedTicketDep = Annotated[WorkedTicket, _worked_for(TicketAction.DRAFT_REPLY)]
AttendedTicketDep = Annotated[WorkedTicket, _worked_for(TicketAction.BE_PRESENT)]
"""A ticket on which the caller works; others who see it are told `action_forbidden`."""


async def get_worked_row(reads: ReadSession, principal: Principal, key: str) -> Any:
    """As `get_row`, for those who work on it. Raises `ticket_not_found` and `action_forbidden`."""
    row = await get_row(reads, principal, key)
    if not row["internal"]:
        raise ActionForbidden(TicketAction.COMMENT_INTERNALLY)
    return row


async def get_followed_work(reads: ReadSession, principal: Principal, key: str) -> Any:
    """As `get_worked_row`, but of the ticket that goes on for a merged one, if the caller works there: for what moves
    in a merge."""
    row, _ = await get_followed_row(reads, principal, key)
    return row if row["internal"] else await get_worked_row(reads, principal, key)
