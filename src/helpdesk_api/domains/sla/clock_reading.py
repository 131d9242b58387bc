"""Where clocks stand at an instant: the one source of what lists of tickets, tickets and their clocks show."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_state import NONE, ONGOING
from helpdesk_api.domains.sla.enums import ClockState
from helpdesk_api.domains.sla.rules import Timeline

_INSTANT = timedelta(microseconds=1)
# Many clocks have them in common.
_named = lru_cache(maxsize=1_000)(public_id)


class ClockRow(NamedTuple):
    """What is read of a clock that is only shown, with words for enums: a queue has hundreds of them."""

    id: UUID
    ticket_id: UUID
    kind: str
    metric: str
    cycle: int
    state: str
    policy_id: UUID
    policy_number: int
    calendar_id: UUID
    target: timedelta
    started_at: datetime
    counted_at: datetime
    used: timedelta
    used_calendar: timedelta
    paused_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    manual_due_at: datetime | None
    breached_at: datetime | None


ROW_COLUMNS = tuple(getattr(SlaClock, name) for name in ClockRow._fields)


class Reading:
    """One instant. What a calendar says of it is asked once for all clocks that count in it."""

    def __init__(self, hours: Mapping[UUID, Timeline], now: datetime) -> None:
        self._hours = hours
        self._now = now
        self._said: dict[UUID, tuple[bool, int]] = {}

    def cycle(self, one: Any) -> dict[str, Any]:
        """As a `ClockReading` has it."""
        now, hours, due, by_hand = self._now, self._hours[one.calendar_id], one.due_at, one.manual_due_at
        is_open, version = self._of_now(one.calendar_id, hours)
        used, elapsed = elapsed_at(one, hours, now)
        is_late = one.breached_at is not None or (one.state in ONGOING and due is not None and due < now)
        at = one.ended_at or now
        left = one.target - used if by_hand is None else hours.between(at, by_hand) - hours.between(by_hand, at)
        return {
            "id": one.id,
            "cycle": one.cycle,
            "state": one.state,
            "policy_id": one.policy_id,
            "policy_version": one.policy_number,
            "calendar_id": one.calendar_id,
            "calendar_version": version if one.ended_at is None else hours.version_at(one.ended_at),
            "target_seconds": int(one.target.total_seconds()),
            "started_at": one.started_at,
            "ended_at": one.ended_at,
            "due_at": due,
            "manual_due_at": by_hand,
            "paused_at": one.paused_at,
            "is_paused": one.state == ClockState.PAUSED,
            "is_within_working_hours": is_open and one.state == ClockState.RUNNING,
            "is_breached": is_late,
            # As the timer will tell it: a deadline that passed while the ticket was resolved was not missed then.
            "breached_at": one.breached_at or (max(due, one.counted_at) if is_late else None),
            "elapsed": {"working_seconds": used.total_seconds(), "calendar_seconds": elapsed.total_seconds()},
            "remaining": {
                "working_seconds": left.total_seconds(),
                "calendar_seconds": (due - now).total_seconds() if due is not None and one.ended_at is None else 0.0,
            },
        }

    def label(self, one: ClockRow) -> str:
        """The same as the JSON of an `SlaLabel`, by no model: all but the ids is written as it is read."""
        shown = self.cycle(one)
        shown["id"], shown["ticket_id"] = public_id("sla", one.id), _named("tkt", one.ticket_id)
        shown["policy_id"], shown["calendar_id"] = _named("slp", one.policy_id), _named("cal", one.calendar_id)
        shown["kind"], shown["metric"] = one.kind, one.metric
        return to_json(shown).decode()

    def _of_now(self, calendar_id: UUID, hours: Timeline) -> tuple[bool, int]:
        found = self._said.get(calendar_id)
        if found is None:
            is_open = hours.between(self._now, self._now + _INSTANT) > NONE
            found = self._said[calendar_id] = (is_open, hours.version_at(self._now))
        return found


def elapsed_at(one: Any, hours: Timeline, now: datetime) -> tuple[timedelta, timedelta]:
    """Working time and elapsed time used, pauses left out."""
    if one.state != ClockState.RUNNING or now <= one.counted_at:
        return one.used, one.used_calendar
    return one.used + hours.between(one.counted_at, now), one.used_calendar + (now - one.counted_at)
