"""A ticket's past as clocks see it, read back from the one event log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, and_, case, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute

from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.sla.clock_state import Fact, Situation
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.pending import pending_events

# The fields of a ticket that make a `Situation`.
SITUATION = ("status", "pending_reason", "team_id", "assignee_id")
_MOVING = frozenset(SITUATION)
CREATED, REOPENED, REPLIED = "ticket.created", "ticket.reopened", "comment.created"
_NEW = Situation(TicketStatus.OPEN, None, None, is_assigned=False)


async def facts_of(session: AsyncSession, ticket: Ticket, *, before: UUID | None = None) -> list[Fact]:
    """What happened to the ticket, in order: all of it, or what came before this event of the transaction's own."""
    statement = select(EventRow).where(EventRow.ticket_id == ticket.id).order_by(EventRow.position)
    own = [row for row in pending_events(session) if row.ticket_id == ticket.id]
    ids = {row.id for row in own}
    rows: list[Any] = [row for row in (await session.execute(statement)).scalars() if row.id not in ids]
    rows += takewhile(lambda row: row.id != before, own)
    return [told.fact for told in read_facts(rows)]


@dataclass(frozen=True, slots=True)
class Told:
    """A fact, and the event that told it."""

    event_id: UUID
    fact: Fact


def read_facts(rows: Sequence[Any]) -> list[Told]:
    """From a ticket's events in order; those that move no clock tell no fact."""
    causes = {row.cause_event_id for row in rows if row.type.startswith("sla.")}
    found: list[Told] = []
    now: Situation | None = None
    for row in rows:
        if row.type == CREATED:
            now = _after(_NEW, row.changes)
            found.append(Told(row.id, Fact(row.occurred_at, None, now)))
        elif now is None:
            continue
        elif row.type == REPLIED and row.visibility == Visibility.PUBLIC:
            answered, asked = said_by(row.data)
            fact = Fact(row.occurred_at, now, now, staff_replied=answered, requester_replied=asked)
            found.append(Told(row.id, fact))
        elif row.type.startswith("ticket.") and row.changes.keys() & _MOVING:
            before, now = now, _after(now, row.changes)
            inside = row.data.get("inside_reopen_window", True)
            found.append(Told(row.id, Fact(row.occurred_at, before, now, inside_reopen_window=inside)))
        elif row.id in causes:
            found.append(Told(row.id, Fact(row.occurred_at, now, now)))
    return found


def said_by(data: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a public comment answers, and whether it asks; a program's does neither."""
    if data.get("automatic"):
        return False, False
    asked = bool(data["by_requester"])
    return not asked, asked


def _said(name: str) -> ColumnElement[str]:
    return cast(EventRow.changes[(name, "1")], String)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _microseconds(at: QueryableAttribute[Any]) -> ColumnElement[int]:
    """They are read several times faster than instants."""
    return cast(func.date_part(literal_column("'epoch'"), at) * literal_column("1000000"), BigInteger)


INSTANT = _microseconds(EventRow.occurred_at)
IMPORTED_UNTIL = _microseconds(Ticket.imported_until)
# All that clocks take from an event, as one short text: the pasts of a hundred thousand tickets are few texts. What was
# said changes nothing, and is not looked through for it.
WORD: ColumnElement[str] = case(
    (
        EventRow.type == literal_column(f"'{REPLIED}'"),
        case(
            (EventRow.data["automatic"].astext == literal_column("'true'"), literal_column("'noted||||'")),
            (EventRow.data["by_requester"].astext == literal_column("'true'"), literal_column("'asked||||'")),
            else_=literal_column("'answered||||'"),
        ),
    ),
    else_=func.concat_ws(
        literal_column("'|'"),
        case(
            (EventRow.type == literal_column(f"'{CREATED}'"), literal_column("'created'")),
            (
                and_(
                    EventRow.type == literal_column(f"'{REOPENED}'"),
                    EventRow.data["inside_reopen_window"].astext == literal_column("'false'"),
                ),
                literal_column("'late'"),
            ),
            else_=literal_column("'changed'"),
        ),
        *(func.coalesce(_said(name), literal_column("''")) for name in ("status", "pending_reason", "team_id")),
        # Who it is makes no difference.
        func.coalesce(func.jsonb_typeof(EventRow.changes[("assignee_id", "1")]), literal_column("''")),
    ),
)


def instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def facts_of_words(instants: Sequence[int], words: str) -> list[Fact]:
    """The same as `read_facts` makes of a ticket's events, of what `INSTANT` and `WORD` have for each; the words one
    behind the other."""
    behind, told = _told_by(words)
    return [Fact(instant(at), *what) for at, what in zip(instants[behind:], told, strict=True)]


@lru_cache(maxsize=10_000)
def _told_by(words: str) -> tuple[int, list[tuple[Situation | None, Situation, bool, bool, bool]]]:
    """How many events come before it was created; and what follows, but for its instants."""
    events = words.split(" ")
    behind = next((n for n, word in enumerate(events) if word.startswith("created")), len(events))
    found: list[tuple[Situation | None, Situation, bool, bool, bool]] = []
    now: Situation | None = None
    for word in events[behind:]:
        kind, *changed = word.split("|")
        before, now = now, _after_word(now or _NEW, *changed)
        found.append((before, now, kind == "answered", kind == "asked", kind != "late"))
    return behind, found


def _after_word(before: Situation, status: str, reason: str, team: str, assignee: str) -> Situation:
    shown = {"status": status, "pending_reason": reason, "team_id": team}
    changed = {name: json.loads(text) for name, text in shown.items() if text}
    return changed_situation(before, changed | ({"assignee_id": assignee != "null" or None} if assignee else {}))


def _after(before: Situation, changes: Mapping[str, Sequence[Any]]) -> Situation:
    return changed_situation(before, {name: pair[1] for name, pair in changes.items()})


def changed_situation(situation: Situation, shown: Mapping[str, Any]) -> Situation:
    """With the fields that are given, in the form in which events show them."""
    status, reason, team = situation.status, situation.pending_reason, situation.team_id
    if "status" in shown:
        status = TicketStatus(shown["status"])
    if "pending_reason" in shown:
        reason = PendingReason(shown["pending_reason"]) if shown["pending_reason"] is not None else None
    if "team_id" in shown:
        team = parse_id("tea", shown["team_id"]) if shown["team_id"] is not None else None
    assigned = shown["assignee_id"] is not None if "assignee_id" in shown else situation.is_assigned
    return Situation(status, reason, team, assigned)


def situation_of(ticket: Any) -> Situation:
    return Situation(ticket.status, ticket.pending_reason, ticket.team_id, ticket.assignee_id is not None)
