"""Taking a macro's steps on one ticket: for good, or to see what they would do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.database.writes import statements_of, update_at_flush
from helpdesk_api.domains.bulk.steps import CommentStep, TicketStep, take_step
from helpdesk_api.domains.macros.errors import MacroNotOffered
from helpdesk_api.domains.macros.events import MacroApplied
from helpdesk_api.domains.macros.queries import is_offered
from helpdesk_api.domains.tickets.actions import custom_changes, require, shown
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.placeholders import OFFERED, held_ticket_values
from helpdesk_api.domains.tickets.queries import VisibleTicket, as_seen, know_target
from helpdesk_api.domains.tickets.several import lock_many_visible
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.pending import pending_events, write_pending
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import ProblemError
from helpdesk_api.web.markdown import rendered
from helpdesk_api.web.placeholders import Values, check_template, fill_template
from helpdesk_api.web.problems import from_validation

CAUSE = "macro"
# What a step says, and so may hold placeholders.
_TEXTS: Final[Mapping[str, str]] = {
    "comment": "body",
    "resolve": "resolution_text",
    "cancel": "reason",
    "reopen": "reason",
}
_SHOWN: Final = (
    *("type", "subject", "description", "steps_tried", "affected_service", "began_at", "requester_id"),
    *("organization_id", "category_id", "impact", "urgency", "priority", "priority_source", "priority_reason"),
    *("tags", "team_id", "assignee_id", "assigned_at", "awaits_member", "needs_reassignment", "status"),
    *("pending_reason", "resumes_at", "resolution_code", "resolution_text", "resolved_at", "closes_at", "closed_at"),
    *("cancelled_at", "reopened_count", "external_source", "external_id", "sla_state", "sla_due_at"),
    *("public_comment_count", "internal_comment_count"),
)
_CUSTOM: Final = ("custom_fields", "internal_custom_fields")
_step: TypeAdapter[TicketStep] = TypeAdapter(TicketStep)


class _Undone(Exception):
    """Nothing went wrong: it was only to be seen."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What it did: the ticket's JSON text and ETag are null when the ticket has left the caller's sight."""

    ticket: Ticket
    changes: list[dict[str, Any]]
    replies: list[dict[str, Any]]
    body: str | None
    etag: str | None


def check_step(step: Mapping[str, Any], pointer: str) -> None:
    """Raises `invalid_template`."""
    name = _TEXTS.get(step["op"])
    if name is not None:
        check_template(step["body"][name], OFFERED, f"{pointer}/{name}")


async def apply_macro(
    session: AsyncSession, database: Database, principal: Principal, visible: VisibleTicket, macro: Any
) -> Effect:
    """All of its steps, or none and the first one's problem. The ticket is locked, and kept for the flush.

    Raises `action_forbidden`, `macro_not_offered`, `template_limit_reached`, and what its steps do.
    """
    ticket = visible.ticket
    require(principal, ticket, TicketAction.APPLY_MACRO)
    if not is_offered(principal, macro, ticket):
        raise MacroNotOffered
    before = _snapshot(ticket)
    event = MacroApplied(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.INTERNAL,
        data={"reference": ticket.reference},
        internal_data={"macro_id": public_id("mac", macro["id"]), "title": macro["title"]},
        entity=ticket,
    )
    applied = await record(session, principal, event)
    await write_pending(session)
    replies = []
    for place, stored in enumerate(macro["steps"]):
        step = await _filled(session, principal, ticket, stored, f"#/steps/{place}/body")
        if isinstance(step, CommentStep):
            said = step.body.body
            replies.append({"visibility": step.body.visibility, "body": said, "body_html": await rendered(said)})
        try:
            await take_step(session, database, principal, visible, step)
        except ProblemError as error:
            raise _placed(error, f"#/steps/{place}/body") from error
        for row in pending_events(session):
            if row.cause_event_id is None:
                row.cause_event_id, row.cause_rule, row.cause_depth = applied.id, CAUSE, 1
        # The log as the next step has to find it.
        await write_pending(session)
    body, etag = await as_seen(session, principal, ticket)
    return Effect(ticket, list(_changes(before, _snapshot(ticket))), replies, body, etag)


async def preview_macro(
    session: AsyncSession, database: Database, principal: Principal, key: str, macro: Any
) -> Effect:
    """As `apply_macro`, and then none of it: rows, events, jobs and wake-ups go with the savepoint."""
    found = await lock_many_visible(session, principal, [key])
    if key not in found:
        raise TicketNotFound
    visible = await know_target(session, principal, found[key])
    effect: Effect | None = None
    try:
        async with savepoint(session):
            update_at_flush(session, visible.ticket)
            effect = await apply_macro(session, database, principal, visible, macro)
            raise _Undone  # noqa: TRY301 - out of the savepoint
    except _Undone:
        pass
    assert effect is not None  # noqa: S101 - else its problem was raised
    return effect


async def _filled(
    session: AsyncSession, principal: Principal, ticket: Ticket, stored: Mapping[str, Any], pointer: str
) -> TicketStep:
    name = _TEXTS.get(stored["op"])
    if name is not None:
        values: Values = await held_ticket_values(await statements_of(session), principal, ticket)
        text = fill_template(stored["body"][name], OFFERED, values, f"{pointer}/{name}")
        stored = {**stored, "body": {**stored["body"], name: text}}
    try:
        return _step.validate_python(stored)
    except ValidationError as error:
        # What was filled in is too long, or nothing at all. Its place begins with the step's `op` and `body`.
        wrong = [{**line, "loc": ("body", *line["loc"][2:])} for line in error.errors()]
        raise _placed(from_validation(cast("list[ErrorDetails]", wrong), stored["body"]), pointer) from error


def _placed(error: ProblemError, pointer: str) -> ProblemError:
    """The same problem, its pointers leading into the macro's steps."""
    error.errors = [
        replace(wrong, pointer=pointer + wrong.pointer.removeprefix("#")) if wrong.pointer is not None else wrong
        for wrong in error.errors
    ]
    return error


def _snapshot(ticket: Ticket) -> dict[str, Any]:
    plain = {name: shown(name, getattr(ticket, name)) for name in _SHOWN}
    return plain | {name: dict(getattr(ticket, name)) for name in _CUSTOM}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _SHOWN:
        if before[name] != after[name]:
            yield {"field": name, "before": before[name], "after": after[name]}
    for name in _CUSTOM:
        for field, (old, new) in custom_changes(before[name], after[name]).items():
            yield {"field": field, "before": old, "after": new}
