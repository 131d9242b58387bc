"""Tickets about the very same at about the same time: duplicates, and a disturbance that many report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.rules import INCIDENT_REQUESTERS, INCIDENT_TICKETS, busiest_span, is_alike
from helpdesk_api.domains.suggestions.similar import Alike, Among, Asked, find_tickets
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

DUPLICATES_WITHIN: Final = timedelta(days=30)
INCIDENT_WITHIN: Final = timedelta(hours=1)
MAX_NAMED: Final = 50
_MOST_SAY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Recent:
    duplicates: Sequence[Alike]
    incident: dict[str, Any] | None


@lru_cache(maxsize=16)
def _facts(shape: policy.CallerShape) -> CompiledStatement:
    return CompiledStatement(
        select(Ticket.id, Ticket.status, Ticket.requester_id, Ticket.created_at).where(
            policy.any_of(Ticket.id, bindparam("ids", type_=policy.IDS)), policy.readable(shape)
        )
    )


async def find_recent(
    reads: ReadSession, principal: Principal, asked: Asked, ticket_id: UUID, created_at: datetime
) -> Recent:
    """Round a ticket that the caller may read. Two statements; by each further engine one more."""
    among = Among(
        TicketScope.RECENT, ticket_id, since=created_at - DUPLICATES_WITHIN, until=created_at + DUPLICATES_WITHIN
    )
    near = await find_tickets(reads, principal, asked, among)
    alike = [one for one in near if is_alike(one.words, asked.worth, one.similarity)]
    if not alike:
        return Recent([], None)
    parameters = {**policy.caller_parameters(principal), "ids": [ticket_id, *(one.id for one in alike)]}
    rows = {row["id"]: row for row in await reads.fetch(_facts(policy.shape_of(principal)), parameters)}
    alike = [one for one in alike if one.id in rows]
    duplicates = [one for one in alike if TicketStatus(rows[one.id]["status"]) in ACTIVE_STATUSES]
    return Recent(duplicates, _incident(ticket_id, alike, rows))


def _incident(ticket_id: UUID, alike: Sequence[Alike], rows: dict[UUID, Any]) -> dict[str, Any] | None:
    """The hour with most of them, of those that this ticket belongs to."""
    times = {id_: row["created_at"] for id_, row in rows.items()}
    ids = busiest_span(times, ticket_id, INCIDENT_WITHIN)
    requesters = {rows[id_]["requester_id"] for id_ in ids}
    if len(ids) < INCIDENT_TICKETS or len(requesters) < INCIDENT_REQUESTERS:
        return None
    said = Counter(word for one in alike if one.id in ids for word in one.words)
    often = [word for word, count in said.most_common(10) if count >= _MOST_SAY * (len(ids) - 1)]
    return {
        "ticket_count": len(ids),
        "requester_count": len(requesters),
        "since": times[ids[0]],
        "until": times[ids[-1]],
        "words": often,
        "ticket_ids": [id_ for id_ in ids if id_ != ticket_id][:MAX_NAMED],
    }
