"""Pure rules of a ticket's life: one transition table, and who may do what in which state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from helpdesk_api.domains.tickets.enums import Refusal, TicketAction, TicketStatus

S, A = TicketStatus, TicketAction

# From each status, by which action, to which. What is not here cannot happen.
TRANSITIONS: Mapping[TicketStatus, Mapping[TicketAction, TicketStatus]] = {
    S.OPEN: {
        A.START: S.IN_PROGRESS,
        A.PEND: S.PENDING,
        A.RESOLVE: S.RESOLVED,
        A.CANCEL: S.CANCELLED,
        A.MERGE: S.CANCELLED,
    },
    S.IN_PROGRESS: {A.PEND: S.PENDING, A.RESOLVE: S.RESOLVED, A.CANCEL: S.CANCELLED, A.MERGE: S.CANCELLED},
    S.PENDING: {A.RESUME: S.IN_PROGRESS, A.RESOLVE: S.RESOLVED, A.CANCEL: S.CANCELLED, A.MERGE: S.CANCELLED},
    S.RESOLVED: {A.CONFIRM: S.CLOSED, A.CLOSE: S.CLOSED, A.REOPEN: S.IN_PROGRESS, A.MERGE: S.CLOSED},
    S.CLOSED: {},
    S.CANCELLED: {},
}
MAX_COLLABORATORS = 20
ACTIVE_STATUSES = frozenset({S.OPEN, S.IN_PROGRESS, S.PENDING})
FINAL_STATUSES = frozenset({S.CLOSED, S.CANCELLED})
_BY_STATUS_CHANGE = frozenset(action for table in TRANSITIONS.values() for action in table)

# What the caller must send with each action, in its body or path; the rest of a body is optional.
REQUIRED_FIELDS: Mapping[TicketAction, tuple[str, ...]] = {
    A.SET_PRIORITY: ("priority", "priority_reason"),
    # A team or a strategy does in its stead; the error that asks for one of them points here.
    A.ASSIGN: ("assignee_id",),
    A.COMMENT: ("body",),
    A.COMMENT_INTERNALLY: ("body",),
    A.ADD_PARTICIPANT: ("user_id",),
    A.WATCH: ("user_id",),
    A.PEND: ("reason",),
    A.RESOLVE: ("resolution_code", "resolution_text"),
    A.REOPEN: ("reason",),
    A.CANCEL: ("reason",),
    A.LINK: ("kind", "ticket_id"),
    A.MERGE: ("into",),
    A.MERGE_IN: ("ticket_ids",),
    A.SHARE: ("user_id",),
    A.RATE: ("score",),
    A.APPLY_MACRO: ("macro_id",),
    A.ADD_CHECKLIST_ITEM: ("title",),
    A.REMIND: ("remind_at",),
    A.DRAFT_REPLY: ("body",),
    A.BE_PRESENT: ("state",),
    A.ENTER_TIME: ("seconds",),
    A.ANSWER_CHILDREN: ("body",),
    A.RESOLVE_CHILDREN: ("resolution_code", "resolution_text"),
    A.SET_DEADLINE: ("sla_id", "due_at"),
}
_STAFF_ONLY = frozenset(
    {
        A.SET_PRIORITY,
        A.ASSIGN,
        A.COMMENT_INTERNALLY,
        A.START,
        A.PEND,
        A.RESUME,
        A.RESOLVE,
        A.CLOSE,
        A.LINK,
        A.MERGE,
        A.MERGE_IN,
        A.SPLIT,
        A.SHARE,
        A.APPLY_MACRO,
        A.ADD_CHECKLIST_ITEM,
        A.REMIND,
        A.DRAFT_REPLY,
        A.BE_PRESENT,
        A.ENTER_TIME,
        A.START_TIMER,
        A.ANSWER_CHILDREN,
        A.RESOLVE_CHILDREN,
        A.SET_DEADLINE,
        A.DRAFT_ARTICLE,
    }
)
# What was promised and how much it matters is for those who administer tickets to overrule.
_ADMINISTERED = frozenset({A.SET_PRIORITY, A.SET_DEADLINE})
_WHEN_RESOLVED = frozenset({A.RATE, A.DRAFT_ARTICLE})
# Every clock has ended with the resolution.
_WHEN_ACTIVE = frozenset({A.SET_DEADLINE})
_NOT_WHEN_FINAL = frozenset({A.SET_PRIORITY, A.ASSIGN, A.UPDATE, A.ADD_PARTICIPANT, A.MERGE_IN})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands to one ticket now, as far as rules care. Hashable: equal standings share their answer."""

    status: TicketStatus
    works_on: bool
    # Who handed it in for somebody else counts, and is told apart below.
    is_requester: bool
    is_participant: bool
    may_write: bool
    may_administer: bool
    inside_reopen_window: bool
    has_open_required: bool = False
    is_merged: bool = False
    may_write_articles: bool = False
    for_another: bool = False
    # Also one that rests. Whoever changes a clock finds out by its id, and asks nobody here.
    has_clock: bool = True


def refusal(standing: Standing, action: TicketAction) -> Refusal | None:
    """Why the caller may not do it now, or None. A right that will never come is named before a passing state."""
    if not standing.may_write:
        return Refusal.SCOPE_MISSING
    if (by_right := _refused_by_right(standing, action)) is not None:
        return by_right
    if standing.is_merged and action is not A.BE_PRESENT:
        return Refusal.MERGED
    if _has_wrong_status(standing, action):
        return Refusal.WRONG_STATUS
    if action is A.RESOLVE and standing.has_open_required:
        return Refusal.CHECKLIST_OPEN
    if action is A.SET_DEADLINE and not standing.has_clock:
        return Refusal.NO_CLOCK
    if action is A.REOPEN and not standing.works_on and not standing.inside_reopen_window:
        return Refusal.REOPEN_WINDOW_PASSED
    return None


def _has_wrong_status(standing: Standing, action: TicketAction) -> bool:
    if action in _BY_STATUS_CHANGE:
        return action not in TRANSITIONS[standing.status]
    if action in _WHEN_RESOLVED:
        return standing.status not in {S.RESOLVED, S.CLOSED}
    if action in _WHEN_ACTIVE:
        return standing.status not in ACTIVE_STATUSES
    if action in _NOT_WHEN_FINAL and standing.status in FINAL_STATUSES:
        return True
    return action is A.UPDATE and not standing.works_on and standing.status not in ACTIVE_STATUSES


def _refused_by_right(standing: Standing, action: TicketAction) -> Refusal | None:
    if action is A.WATCH:
        # Whoever sees it may be told of it.
        return None
    if standing.works_on and _lacks_scope(standing, action):
        return Refusal.SCOPE_MISSING
    if action in _STAFF_ONLY:
        return None if standing.works_on else Refusal.NOT_PERMITTED
    if action is A.CONFIRM:
        # "Confirmed" means that the requester said so, and nobody in their stead: not who took the call either.
        return None if _asked_for_it(standing) else Refusal.NOT_PERMITTED
    if action is A.RATE:
        # Nobody rates their own work.
        return None if _asked_for_it(standing) and not standing.works_on else Refusal.NOT_PERMITTED
    if action is A.COMMENT:
        party = standing.works_on or standing.is_requester or standing.is_participant
        return None if party else Refusal.NOT_PERMITTED
    return None if standing.works_on or standing.is_requester else Refusal.NOT_PERMITTED


def _asked_for_it(standing: Standing) -> bool:
    return standing.is_requester and not standing.for_another


def _lacks_scope(standing: Standing, action: TicketAction) -> bool:
    if action is A.DRAFT_ARTICLE:
        return not standing.may_write_articles
    return action in _ADMINISTERED and not standing.may_administer


def status_after(status: TicketStatus, action: TicketAction, *, is_assigned: bool) -> TicketStatus | None:
    """The status that an action leads to, or None where the table has none. Unassigned work reopens as open."""
    target = TRANSITIONS[status].get(action)
    if action is A.REOPEN and target is not None and not is_assigned:
        return S.OPEN
    return target


def inside_window(resolved_at: datetime | None, now: datetime, window: timedelta) -> bool:
    """Whether a resolution can still be disputed; the last instant counts."""
    return resolved_at is not None and now <= resolved_at + window
