"""Pure decisions: what an alert does to what is known of its key, and what its ticket says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity, AlertState, DropReason
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.categories.enums import Priority

# A slower replica tells the beginning after the faster one has told the end. Beyond this it is news: a monitor that
# was restarted goes on with the old beginning.
LAGGARD: Final = timedelta(seconds=30)
MAX_SUBJECT: Final = 200
_SHOWN_LABELS: Final = 40
_PRIORITIES: Final[Mapping[AlertSeverity, Priority]] = {
    AlertSeverity.CRITICAL: Priority.CRITICAL,
    AlertSeverity.ERROR: Priority.HIGH,
    AlertSeverity.WARNING: Priority.MEDIUM,
    AlertSeverity.INFO: Priority.LOW,
}
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


class Begin(Enum):
    """What a trigger without an unresolved alert does."""

    NEW = auto()
    AGAIN = auto()
    TOO_LATE = auto()


@dataclass(frozen=True, slots=True)
class Ended:
    """The last alert of the key that is over."""

    ticket_id: UUID | None
    started_at: datetime | None
    resolved_at: datetime


def begin(fact: AlertFact, last: Ended | None, now: datetime, flap_window: timedelta) -> Begin:
    if last is None:
        return Begin.NEW
    is_known = fact.started_at is not None and last.started_at is not None and fact.started_at <= last.started_at
    if is_known and now - last.resolved_at <= LAGGARD:
        return Begin.TOO_LATE
    again = last.ticket_id is not None and now - last.resolved_at <= flap_window
    return Begin.AGAIN if again else Begin.NEW


def end_refused(fact: AlertFact, state: AlertState | None, started_at: datetime | None) -> DropReason | None:
    """Why an end or an acknowledgement does nothing, or None: without an open alert, or of an earlier one."""
    if state is None:
        return DropReason.NO_OPEN_ALERT
    if fact.action is AlertAction.ACKNOWLEDGE and state is AlertState.ACKNOWLEDGED:
        return DropReason.ALREADY_ACKNOWLEDGED
    if started_at is None:
        return None
    of_earlier = fact.started_at is not None and fact.started_at < started_at
    before = fact.ended_at is not None and fact.ended_at < started_at
    return DropReason.LATE if of_earlier or before else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the integration's settings give a ticket."""

    category_id: UUID | None
    team_id: UUID | None
    priority: Priority | None
    tags: tuple[str, ...]
    affected_service: str | None


@dataclass(frozen=True, slots=True)
class Matcher:
    """One rule, ready to be asked."""

    matches: Any
    category_id: UUID | None
    team_id: UUID | None
    priority: Priority | None
    tags: tuple[str, ...]


def choose(
    fact: AlertFact,
    matchers: Iterable[Matcher],
    *,
    category_id: UUID | None,
    team_id: UUID | None,
    asset_labels: Sequence[str],
) -> Choice:
    """For each field the first rule that fits and names it, then the integration's own, then the severity's."""
    fitting = [matcher for matcher in matchers if matcher.matches(fact)]
    priority = next((one.priority for one in fitting if one.priority is not None), None)
    if priority is None and fact.severity is not None:
        priority = _PRIORITIES[fact.severity]
    asset = next((fact.labels[name] for name in asset_labels if name in fact.labels), None)
    return Choice(
        category_id=next((one.category_id for one in fitting if one.category_id is not None), category_id),
        team_id=next((one.team_id for one in fitting if one.team_id is not None), team_id),
        priority=priority,
        tags=tuple(dict.fromkeys(tag for one in fitting for tag in one.tags)),
        affected_service=asset[:MAX_SUBJECT] if asset else None,
    )


def subject(fact: AlertFact) -> str:
    """One line."""
    line = " ".join(fact.summary.split())
    return line if len(line) <= MAX_SUBJECT else line[: MAX_SUBJECT - 1] + "…"


def escaped(words: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(words.split()))


def description(fact: AlertFact, sender: str) -> str:
    """Markdown: what the sender said, as it said it."""
    lines = [escaped(fact.summary), ""]
    lines += [
        f"- {escaped(name)}: {escaped(worth)}" for name, worth in _shown(fact.annotations) if worth != fact.summary
    ]
    if fact.labels:
        lines += ["", "**Labels**", ""]
        lines += [f"- {escaped(name)}: {escaped(worth)}" for name, worth in _shown(fact.labels)]
    if fact.links:
        lines += ["", *(f"- <{link}>" for link in fact.links)]
    said = f"Reported by {escaped(sender)}"
    lines += ["", f"{said}, source {escaped(fact.source)}." if fact.source else f"{said}."]
    return "\n".join(lines)[:60_000]


def _shown(pairs: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(pairs.items())[:_SHOWN_LABELS]


def storm_subject(sender: str, limit: int, seconds: int, label: str | None, value: str) -> str:
    where = f" ({label}: {value})" if label and value else ""
    return f"Alert storm: more than {limit} new alerts in {seconds} s from {sender}{where}"[:MAX_SUBJECT]
