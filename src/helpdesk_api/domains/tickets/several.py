"""Several tickets at once, each by its id or its reference."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS, VisibleTicket


def _named() -> ColumnElement[bool]:
    return or_(
        policy.any_of(Ticket.id, bindparam("ids", type_=policy.IDS)),
        Ticket.reference == any_(bindparam("references", type_=ARRAY(Text))),
    )


def _names(keys: Sequence[str]) -> dict[str, Any]:
    """The values for the binds of `_named`."""
    return {"ids": [parse_id("tkt", key) for key in keys if key.startswith("tkt_")], "references": list(keys)}


@lru_cache(maxsize=64)
def _lock_many_statement(shape: policy.CallerShape) -> CompiledStatement:
    statement = select(*TICKETS.columns, policy.is_participant(shape).label("is_participant"))
    # In one order for everybody, so that two who change many do not wait for each other.
    return CompiledStatement(
        statement.where(_named(), policy.readable(shape)).order_by(Ticket.id).with_for_update(of=Ticket.__table__)
    )


async def lock_many_visible(
    session: AsyncSession, principal: Principal, keys: Sequence[str]
) -> dict[str, VisibleTicket]:
    """Those of these tickets that the caller can see, locked, by key. Their changes are written only once
    `update_at_flush` has them."""
    parameters = {**policy.caller_parameters(principal), **_names(keys)}
    rows = await (await statements_of(session)).fetch(_lock_many_statement(policy.shape_of(principal)), parameters)
    found: dict[str, VisibleTicket] = {}
    for row in rows:
        ticket = TICKETS.entity(row)
        visible = VisibleTicket(ticket, is_participant=row["is_participant"])
        found[f"tkt_{ticket.id.hex}"] = found[ticket.reference] = visible
    return found


async def names_of(reads: ReadSession, principal: Principal, keys: Sequence[str]) -> dict[str, UUID]:
    """Ids by id and reference, of those of these tickets that the caller can see."""
    statement = select(Ticket.id, Ticket.reference).where(_named(), policy.readable(policy.shape_of(principal)))
    parameters = {**policy.caller_parameters(principal), **_names(keys)}
    found: dict[str, UUID] = {}
    for row in await reads.fetch(statement, parameters):
        found[public_id("tkt", row["id"])] = found[row["reference"]] = row["id"]
    return found
