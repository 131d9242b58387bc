"""Several tickets in one transaction: seen first, then locked together in the one order that everybody keeps."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.dependencies import authenticate
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import SessionDep
from helpdesk_api.database.writes import statements_of, update_at_flush
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.errors import TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicket, know_target, lock_many_visible


@lru_cache(maxsize=64)
def _seen_statement(shape: policy.CallerShape, *, by_id: bool) -> CompiledStatement:
    named: ColumnElement[bool] = (
        Ticket.id == bindparam("key", type_=Ticket.id.type) if by_id else Ticket.reference == bindparam("key")
    )
    return CompiledStatement(select(Ticket.id).where(named, policy.readable(shape)))


async def _seen(ticket_id: TicketKey, request: Request, session: SessionDep) -> str:
    principal = await authenticate(request)
    by_id = ticket_id.startswith("tkt_")
    parameters = {
        **policy.caller_parameters(principal),
        "key": parse_id("tkt", ticket_id) if by_id else ticket_id,
    }
    statement = _seen_statement(policy.shape_of(principal), by_id=by_id)
    found: UUID | None = await (await statements_of(session)).fetch_value(statement, parameters)
    if found is None:
        raise TicketNotFound
    return public_id("tkt", found)


def unmerged(visible: VisibleTicket, pointer: str) -> Ticket:
    """The ticket that a body names. Raises `ticket_merged` there."""
    if visible.locked.merged_into_id is not None:
        raise TicketMerged(visible.target_id, pointer=pointer)
    return visible.ticket


SeenTicketDep = Annotated[str, Depends(_seen)]
"""The id of a ticket that the caller can see. It is not locked yet: the second ticket may have to be the first."""


async def lock_all(session: AsyncSession, principal: Principal, keys: Sequence[str]) -> list[VisibleTicket | None]:
    """Those of these tickets that the caller can see, in the order of the keys; changes of them are written."""
    found = await lock_many_visible(session, principal, keys)
    for visible in {id(one): one for one in found.values()}.values():
        update_at_flush(session, visible.locked)
        await know_target(session, principal, visible)
    return [found.get(key) for key in keys]
