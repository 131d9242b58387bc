"""One step on a ticket as a value: what a route's path and body say, in one object."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.actions import assign_ticket
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.tickets import actions, opening
from helpdesk_api.domains.tickets.queries import VisibleTicket
from helpdesk_api.domains.tickets.schemas import (
    TicketCancel,
    TicketPend,
    TicketReopen,
    TicketResolve,
    TicketUpdate,
)
from helpdesk_api.web.schemas import RequestModel


class UpdateStep(RequestModel):
    """As `PATCH /v1/tickets/{ticket_id}`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "update", "body": {"tags": ["vpn"]}}]})

    op: Literal["update"]
    body: TicketUpdate


class CommentStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/comments`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "comment", "body": {"body": "It is back."}}]})

    op: Literal["comment"]
    body: CommentCreate


class AssignStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/assignments`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "assign", "body": {"assignee_id": "me"}}]})

    op: Literal["assign"]
    body: AssignmentCreate


class PendStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/pend`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "pend", "body": {"reason": "vendor"}}]})

    op: Literal["pend"]
    body: TicketPend


class ResolveStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/resolve`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"op": "resolve", "body": {"resolution_code": "fixed", "resolution_text": "The gateway is back."}}
            ]
        }
    )

    op: Literal["resolve"]
    body: TicketResolve


class ReopenStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/reopen`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"op": "reopen", "body": {"reason": "It is gone again."}}]}
    )

    op: Literal["reopen"]
    body: TicketReopen


class CancelStep(RequestModel):
    """As `POST /v1/tickets/{ticket_id}/cancel`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "cancel", "body": {"reason": "A test."}}]})

    op: Literal["cancel"]
    body: TicketCancel


class PlainStep(RequestModel):
    """As `start`, `resume` and `close` under `POST /v1/tickets/{ticket_id}/`, which take no fields."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"op": "start"}]})

    op: Literal["start", "resume", "close"]


TicketStep = Annotated[
    UpdateStep | CommentStep | AssignStep | PendStep | ResolveStep | ReopenStep | CancelStep | PlainStep,
    Field(discriminator="op"),
]


async def take_step(
    session: AsyncSession, database: Database, principal: Principal, visible: VisibleTicket, step: TicketStep
) -> None:
    """What its own route would do. Raises what that route would, pointing into the step's body."""
    await _TAKEN[step.op](session, database, principal, visible, getattr(step, "body", None))


Taken = Callable[[AsyncSession, Database, Principal, VisibleTicket, Any], Awaitable[None]]


def _with_body(action: Callable[..., Awaitable[None]]) -> Taken:
    async def take(session: Any, database: Any, principal: Any, visible: VisibleTicket, body: Any) -> None:
        del database
        await action(session, principal, visible.ticket, body)

    return take


def _without_body(action: Callable[..., Awaitable[None]]) -> Taken:
    async def take(session: Any, database: Any, principal: Any, visible: VisibleTicket, body: Any) -> None:
        del database, body
        await action(session, principal, visible.ticket)

    return take


async def _update(session: Any, database: Any, principal: Any, visible: VisibleTicket, body: Any) -> None:
    await opening.update_ticket(session, database, principal, visible.ticket, body)


async def _assign(session: Any, database: Any, principal: Any, visible: VisibleTicket, body: Any) -> None:
    await assign_ticket(session, database, principal, visible.ticket, body)


async def _comment(session: Any, database: Any, principal: Any, visible: VisibleTicket, body: Any) -> None:
    await add_comment(session, database, principal, visible.ticket, body, is_participant=visible.is_participant)


_TAKEN: Mapping[str, Taken] = {
    "update": _update,
    "comment": _comment,
    "assign": _assign,
    "pend": _with_body(actions.pend_ticket),
    "resolve": _with_body(actions.resolve_ticket),
    "reopen": _with_body(actions.reopen_ticket),
    "cancel": _with_body(actions.cancel_ticket),
    "start": _without_body(actions.start_ticket),
    "resume": _without_body(actions.resume_ticket),
    "close": _without_body(actions.close_ticket),
}
