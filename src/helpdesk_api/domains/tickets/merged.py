"""What a merge leaves behind: names that lead on, and what was read there."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Uuid, and_, any_, cast, func, literal, select

from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets.events import TicketMerged
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow

_HEX_DIGITS = 32


def merged_into(ticket_id: UUID) -> AnySelect:
    """The tickets that go on in this one, also by way of others: one step always leads to the end."""
    return select(Ticket.id).where(Ticket.merged_into_id == ticket_id)


def lies_on(ticket: Any, kind: Any) -> ColumnElement[bool]:
    """Joins `tickets` to the comments or the files of one row of `select_tickets`. A merged one's have moved on, and
    are read where they were: its own, and what had come to it from others before."""
    if ticket["merged_into_id"] is None:
        return and_(Ticket.id == kind.ticket_id, kind.ticket_id == ticket["id"])
    here = _along(select(literal(ticket["id"], Uuid).label("id")), "target", "merged_id")
    return and_(Ticket.id == ticket["id"], kind.merged_from_id == any_(func.array(here)))


def has_lain_on(kind: Any, one_id: UUID) -> ColumnElement[bool]:
    """Joins `tickets` to one comment or file: the ticket where it is now, and those where it is still read."""
    before = _along(select(kind.merged_from_id.label("id")).where(kind.id == one_id), "merged", "into_id")
    return Ticket.id == any_(func.array_append(func.array(before), kind.ticket_id))


def _along(start: AnySelect, role: str, name: str) -> ScalarSelect[UUID]:
    """From merge to merge, as the tickets' events have them: their own columns know the end alone."""
    found = start.cte("merges", recursive=True)
    other = cast(func.right(EventRow.internal_data[name].astext, _HEX_DIGITS), Uuid)
    merges = EventRow.type == TicketMerged.type, EventRow.data["role"].astext == role
    return select(found.union(select(other).where(EventRow.ticket_id == found.c.id, *merges)).c.id).scalar_subquery()
