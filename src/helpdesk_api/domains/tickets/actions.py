"""What changes a ticket: one function per verb. The caller holds the row's lock (see `queries.lock_visible`)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.knowledge.queries import check_served
from helpdesk_api.domains.tickets import events, policy
from helpdesk_api.domains.tickets.enums import (
    PendingReason,
    Refusal,
    TicketAction,
    TicketStatus,
)
from helpdesk_api.domains.tickets.errors import (
    REFUSAL_ERRORS,
    ActionForbidden,
    ResumeInPast,
    TicketAlreadyAssigned,
    TicketMerged,
    TransitionNotAllowed,
)
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import inside_window, refusal, status_after
from helpdesk_api.domains.tickets.schemas import (
    TicketCancel,
    TicketPend,
    TicketRate,
    TicketReopen,
    TicketResolve,
)
from helpdesk_api.domains.tickets.windows import auto_close_after, reopen_window
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.schemas import instant_text

ID_PREFIXES: Mapping[str, str] = {
    "requester_id": "usr",
    "submitter_id": "usr",
    "assignee_id": "usr",
    "team_id": "tea",
    "category_id": "cat",
    "organization_id": "org",
    "follow_up_of_id": "tkt",
    "merged_into_id": "tkt",
    "resolution_article_id": "art",
}
INTERNAL_FIELDS = frozenset(
    {
        "priority_source",
        "priority_reason",
        "awaits_member",
        "needs_reassignment",
        "internal_custom_fields",
        # Not every reader of the one can see the other.
        "follow_up_of_id",
        "merged_into_id",
        "resolution_article_id",
    }
)
_CUSTOM = frozenset({"custom_fields", "internal_custom_fields"})
_SCOPE_OF_REFUSAL = {
    TicketAction.SET_PRIORITY: Permission.TICKETS_ADMIN,
    TicketAction.SET_DEADLINE: Permission.TICKETS_ADMIN,
    TicketAction.DRAFT_ARTICLE: Permission.ARTICLES_WRITE,
}


def shown(name: str, value: Any) -> Any:
    """A field's value as events and answers show it: prefixed ids, RFC 3339 instants, enum texts."""
    if isinstance(value, UUID):
        return public_id(ID_PREFIXES[name], value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, list | tuple) else value


def change(ticket: Ticket, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set fields; answer the public and the internal changes (before, after), leaving out what stays equal."""
    public: dict[str, Any] = {}
    internal: dict[str, Any] = {}
    for name, value in values.items():
        before = getattr(ticket, name)
        if before != value:
            setattr(ticket, name, value)
            told = internal if name in INTERNAL_FIELDS else public
            if name in _CUSTOM:
                told.update(custom_changes(before, value))
            else:
                told[name] = (shown(name, before), shown(name, value))
    return public, internal


def custom_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """One change for each custom field, as history shows it."""
    keys = sorted(before.keys() | after.keys())
    return {
        f"custom_fields.{key}": (_told(before.get(key)), _told(after.get(key)))
        for key in keys
        if before.get(key) != after.get(key)
    }


def _told(value: Any) -> Any:
    """History has whole numbers; others are told as text, as they were written."""
    return str(value) if isinstance(value, float) else value


def touch(ticket: Ticket, *, public: bool, at: datetime | None = None) -> None:
    """Move the versions: internal changes stay out of all that a requester's representation is made of. `at` where it
    is not now."""
    ticket.version += 1
    ticket.updated_at = at or clock.now()
    if public:
        ticket.public_version += 1
        ticket.public_updated_at = ticket.updated_at


def require(
    principal: Principal,
    ticket: Ticket,
    action: TicketAction,
    *,
    is_participant: bool = False,
) -> None:
    """Raises `action_forbidden`, `transition_not_allowed`, `reopen_window_passed`, `checklist_open` and
    `ticket_merged`."""
    standing = policy.standing(principal, ticket, is_participant=is_participant)
    reason = refusal(standing, action)
    if reason is None:
        return
    if reason is Refusal.WRONG_STATUS:
        raise TransitionNotAllowed(action, ticket.status)
    if reason is Refusal.MERGED:
        raise TicketMerged(None)
    if reason in REFUSAL_ERRORS:
        raise REFUSAL_ERRORS[reason]
    scope = _SCOPE_OF_REFUSAL.get(action, Permission.TICKETS_WRITE) if reason is Refusal.SCOPE_MISSING else None
    raise ActionForbidden(action, scope.value if scope else None)


async def apply(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    kind: type[events.TicketEvent],
    values: Mapping[str, Any],
    *,
    data: dict[str, Any] | None = None,
    internal_data: dict[str, Any] | None = None,
    cause: Cause | None = None,
    is_news: bool = False,
) -> bool:
    """Change fields and record it as one event; False, and no event, when nothing differs.

    `is_news` says that what `data` tells everybody is a change by itself.
    """
    public, internal = change(ticket, values)
    if not public and not internal and not is_news:
        return False
    is_public = bool(public) or is_news
    touch(ticket, public=is_public)
    event = kind(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.PUBLIC if is_public else Visibility.INTERNAL,
        changes=public,
        internal_changes=internal,
        data={"reference": ticket.reference, **(data or {})},
        internal_data=internal_data or {},
        entity=ticket,
        ticket=ticket,
    )
    await record(session, principal, event, cause=cause)
    return True


async def _transition(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    action: TicketAction,
    kind: type[events.TicketEvent],
    values: Mapping[str, Any],
    *,
    data: dict[str, Any] | None = None,
    internal_data: dict[str, Any] | None = None,
    cause: Cause | None = None,
) -> None:
    target = status_after(ticket.status, action, is_assigned=ticket.assignee_id is not None)
    if target is None:
        raise TransitionNotAllowed(action, ticket.status)
    left_pending = {"pending_reason": None, "resumes_at": None} if target is not TicketStatus.PENDING else {}
    await apply(
        session,
        principal,
        ticket,
        kind,
        {"status": target, **left_pending, **values},
        data=data,
        internal_data=internal_data,
        cause=cause,
    )


async def start_ticket(session: AsyncSession, principal: Principal, ticket: Ticket) -> None:
    """Begin work. Starting unassigned work takes it, unless a program does; the second of two takers meets
    `ticket_already_assigned`."""
    try:
        require(principal, ticket, TicketAction.START)
    except TransitionNotAllowed as error:
        holder = ticket.assignee_id
        if ticket.status is not TicketStatus.IN_PROGRESS or holder is None or holder == principal.user_id:
            raise
        grants = await GRANTS.get_within(session, holder.hex)
        raise TicketAlreadyAssigned(holder, grants.name if grants is not None else None) from error
    taken: dict[str, Any] = {}
    if ticket.assignee_id is None and principal.kind == "user":
        taken = {
            "assignee_id": principal.user_id,
            "assigned_at": clock.now(),
            "awaits_member": False,
        }
    await _transition(session, principal, ticket, TicketAction.START, events.TicketStarted, taken)


async def pend_ticket(session: AsyncSession, principal: Principal, ticket: Ticket, body: TicketPend) -> None:
    """Raises `resume_in_past`; the reason `scheduled` wants an instant to resume at."""
    require(principal, ticket, TicketAction.PEND)
    if body.reason is PendingReason.SCHEDULED and body.resumes_at is None:
        message = "A scheduled ticket says when it goes on."
        raise ResumeInPast(message, pointer="#/resumes_at")
    if body.resumes_at is not None and body.resumes_at <= clock.now():
        raise ResumeInPast(pointer="#/resumes_at")
    # Of an imported past the rest says when it went on.
    is_past = body.resumes_at is not None and body.resumes_at <= clock.present()
    values = {"pending_reason": body.reason, "resumes_at": None if is_past else body.resumes_at}
    await _transition(session, principal, ticket, TicketAction.PEND, events.TicketPended, values)


async def resume_ticket(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    *,
    cause: Cause | None = None,
) -> None:
    require(principal, ticket, TicketAction.RESUME)
    await _transition(
        session,
        principal,
        ticket,
        TicketAction.RESUME,
        events.TicketResumed,
        {},
        cause=cause,
    )


async def resolve_ticket(session: AsyncSession, principal: Principal, ticket: Ticket, body: TicketResolve) -> None:
    """It closes by itself a set number of days after this instant. Raises `unknown_reference` for an article that is
    not published for the caller."""
    require(principal, ticket, TicketAction.RESOLVE)
    if body.article_id is not None:
        await check_served(session, principal, body.article_id)
    now = clock.now()
    values = {
        "resolution_code": body.resolution_code,
        "resolution_text": body.resolution_text,
        "resolution_article_id": body.article_id,
        "resolved_at": now,
        # An imported past has its own closure still to tell.
        "closes_at": clock.present() + auto_close_after(),
        "awaits_member": False,
    }
    await _transition(session, principal, ticket, TicketAction.RESOLVE, events.TicketResolved, values)


async def confirm_ticket(session: AsyncSession, principal: Principal, ticket: Ticket) -> None:
    require(principal, ticket, TicketAction.CONFIRM)
    values = {"closed_at": clock.now(), "closes_at": None}
    await _transition(session, principal, ticket, TicketAction.CONFIRM, events.TicketConfirmed, values)


async def rate_ticket(session: AsyncSession, principal: Principal, ticket: Ticket, body: TicketRate) -> None:
    require(principal, ticket, TicketAction.RATE)
    if (ticket.rating, ticket.rating_comment) == (body.score, body.comment):
        return
    values = {"rating": body.score, "rating_comment": body.comment, "rated_at": clock.now()}
    await apply(session, principal, ticket, events.TicketRated, values)


async def reopen_ticket(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    body: TicketReopen,
    *,
    cause: Cause | None = None,
) -> None:
    """The resolution goes, the history keeps it."""
    require(principal, ticket, TicketAction.REOPEN)
    inside = inside_window(ticket.resolved_at, clock.now(), reopen_window())
    values = {
        "resolution_code": None,
        "resolution_text": None,
        "resolution_article_id": None,
        "resolved_at": None,
        "closes_at": None,
        "reopened_count": ticket.reopened_count + 1,
    }
    await _transition(
        session,
        principal,
        ticket,
        TicketAction.REOPEN,
        events.TicketReopened,
        values,
        data={"reason": body.reason, "inside_reopen_window": inside},
        cause=cause,
    )


async def close_ticket(session: AsyncSession, principal: Principal, ticket: Ticket) -> None:
    """Without the requester's word: by staff, or by time."""
    require(principal, ticket, TicketAction.CLOSE)
    values = {"closed_at": clock.now(), "closes_at": None}
    data = {"reason": "unanswered_resolution"} if principal.kind == "system" else None
    await _transition(
        session,
        principal,
        ticket,
        TicketAction.CLOSE,
        events.TicketClosed,
        values,
        data=data,
    )


async def cancel_ticket(session: AsyncSession, principal: Principal, ticket: Ticket, body: TicketCancel) -> None:
    require(principal, ticket, TicketAction.CANCEL)
    values = {"cancelled_at": clock.now(), "awaits_member": False}
    await _transition(
        session,
        principal,
        ticket,
        TicketAction.CANCEL,
        events.TicketCancelled,
        values,
        data={"reason": body.reason},
    )


async def merge_ticket(session: AsyncSession, principal: Principal, ticket: Ticket, target: Ticket) -> None:
    """It ends here and goes on there; what was said and who takes part is carried over by the caller."""
    require(principal, ticket, TicketAction.MERGE)
    ended = "closed_at" if ticket.status is TicketStatus.RESOLVED else "cancelled_at"
    values = {"merged_into_id": target.id, ended: clock.now(), "closes_at": None, "awaits_member": False}
    await _transition(
        session,
        principal,
        ticket,
        TicketAction.MERGE,
        events.TicketMerged,
        values,
        data={"reason": "merged", "role": "merged"},
        internal_data={"into_id": public_id("tkt", target.id), "into_reference": target.reference},
    )
