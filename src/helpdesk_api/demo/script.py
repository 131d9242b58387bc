"""The words in which the demo organisation's tickets are told: who did what, and when.

An instant is a working day before today and a clock time in UTC, so that the histories look lived in on whatever day
they are made; weekends stay empty.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, TicketType, Urgency
from helpdesk_api.domains.tickets.enums import PendingReason, ResolutionCode

_FRIDAY = 4
# In place of a person: whoever has the ticket by then, as routing decided.
ASSIGNEE = "assignee"


@dataclass(frozen=True, slots=True)
class When:
    """`days` working days before today, at `clock` ("HH:MM", UTC)."""

    days: int
    clock: str

    def instant(self, now: datetime) -> datetime:
        day = now.astimezone(UTC).date()
        left = self.days
        while left > 0:
            day -= timedelta(days=1)
            if day.weekday() <= _FRIDAY:
                left -= 1
        return datetime.combine(day, time.fromisoformat(self.clock), UTC)


@dataclass(frozen=True, slots=True)
class Say:
    """A comment. `mentions` are keys of people."""

    text: str
    by: str = ASSIGNEE
    internal: bool = False
    channel: Channel = Channel.PORTAL
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """To a person, to a team, or to both."""

    to: str | None = None
    team: str | None = None
    reason: str | None = None
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Start:
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Pend:
    """`resumes_in_days` is counted from today."""

    reason: PendingReason
    resumes_in_days: int | None = None
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Resume:
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Resolve:
    code: ResolutionCode
    text: str
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Confirm:
    """By the requester, whose word alone it is."""


@dataclass(frozen=True, slots=True)
class Reopen:
    reason: str
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Close:
    """By staff; without `by` it closes by itself, a set time after its resolution."""

    by: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    reason: str
    by: str = ASSIGNEE


@dataclass(frozen=True, slots=True)
class Prioritise:
    """By hand, with the reason that this takes."""

    priority: Priority
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Add:
    """Somebody who shall take part."""

    person: str
    by: str


Step = Say | Assign | Start | Pend | Resume | Resolve | Confirm | Reopen | Close | Cancel | Prioritise | Add


@dataclass(frozen=True, slots=True)
class Story:
    """One ticket: how it came in, and what happened to it afterwards, in order.

    `by` is the requester; `taken_by` the member of the staff who typed it in for them, where one did.
    """

    opened: When
    by: str
    subject: str
    text: str
    steps: tuple[tuple[When, Step], ...] = ()
    type: TicketType = TicketType.INCIDENT
    channel: Channel = Channel.PORTAL
    taken_by: str | None = None
    category: str | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    service: str | None = None
    tried: str | None = None
    tags: tuple[str, ...] = field(default=())
    external: tuple[str, str] | None = None
