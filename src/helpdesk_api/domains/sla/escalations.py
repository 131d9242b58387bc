"""The ladder: what a policy does on the way to a breach and after it, once the step is told."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.domains.assignments.actions import hand_over_to
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_state import ONGOING
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_schemas import (
    AddWatcherAction,
    AssignAction,
    CallWebhookAction,
    EscalationAction,
    NotifyAction,
    RaisePriorityAction,
    SlaDefinition,
)
from helpdesk_api.domains.tickets import people
from helpdesk_api.domains.tickets.actions import apply
from helpdesk_api.domains.tickets.enums import PrioritySource
from helpdesk_api.domains.tickets.events import TicketUpdated
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.integrations.http.protocol import HttpCaller, NotDelivered
from helpdesk_api.jobs.queue import NewJob, enqueue_many
from helpdesk_api.outbox.events import Cause
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.schemas import instant_text

CALL = "sla.call_webhook"
_ORDER = list(Priority)
_caller: HttpCaller | None = None


def use_caller(caller: HttpCaller) -> None:
    """Set by the worker process."""
    global _caller  # noqa: PLW0603 - the client of this process
    _caller = caller


async def carry_out(session: AsyncSession, event: EventRow) -> None:
    """sla.escalated: all actions of the step in one transaction, unless the clock has ended meanwhile."""
    if event.data.get("imported"):
        return
    ticket = await session.get_one(Ticket, event.ticket_id, with_for_update=True, populate_existing=True)
    one = await session.get_one(SlaClock, event.subject_id)
    if one.state not in ONGOING:
        return
    name = await session.scalar(select(SlaPolicy.name).where(SlaPolicy.id == one.policy_id))
    cause = Cause(event.id, rule=name, depth=event.cause_depth + 1)
    for place, action in enumerate(await actions_of(session, event)):
        if isinstance(action, RaisePriorityAction):
            await _raise_priority(session, ticket, action, cause)
        elif isinstance(action, AssignAction):
            await hand_over_to(
                session,
                ticket,
                team_id=action.team_id,
                user_id=action.user_id,
                reason=f"{name} escalated it.",
                cause=cause,
            )
        elif isinstance(action, AddWatcherAction):
            await people.let_watch(session, ticket, action.user_id, cause)
        elif isinstance(action, CallWebhookAction):
            payload = {"event_id": event.id.hex, "url": str(action.url), "place": place}
            await enqueue_many(session, [NewJob(name=CALL, payload=payload, dedupe_key=f"{event.id.hex}:{place}")])


async def actions_of(session: AsyncSession, event: EventRow) -> list[EscalationAction]:
    """What the policy's version says of the step that the event names."""
    kind, _, place = (event.data["step"] or "").partition(":")
    if kind != "escalation":
        return []
    key = (parse_id("slp", event.data["policy_id"]), event.data["policy_version"])
    version = await session.get_one(SlaPolicyVersion, key)
    return SlaDefinition.model_validate(version.definition).escalations[int(place)].actions


async def notified(session: AsyncSession, event: EventRow) -> list[NotifyAction]:
    return [action for action in await actions_of(session, event) if isinstance(action, NotifyAction)]


async def _raise_priority(session: AsyncSession, ticket: Ticket, action: RaisePriorityAction, cause: Cause) -> None:
    place = _ORDER.index(ticket.priority)
    wanted = _ORDER.index(action.to) if action.to is not None else min(place + 1, len(_ORDER) - 1)
    if wanted <= place:
        return
    values = {
        "priority": _ORDER[wanted],
        "priority_source": PrioritySource.RULE,
        "priority_reason": f"{cause.rule} escalated it."[:500],
    }
    await apply(session, Principal.system(), ticket, TicketUpdated, values, cause=cause)


async def call_webhook(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Raises until it is taken, so that the job is tried again; its delivery id stays the same."""
    event = await session.get_one(EventRow, UUID(hex=payload["event_id"]))
    url = payload["url"]
    if _caller is None:
        message = "no HTTP client was installed"
        raise RuntimeError(message)
    body = {
        "id": public_id("evt", event.id),
        "type": event.type,
        "occurred_at": instant_text(event.occurred_at),
        "ticket_id": public_id("tkt", event.ticket_id) if event.ticket_id is not None else None,
        "data": event.data,
    }
    headers = {
        "Content-Type": "application/json",
        "Helpdesk-Delivery": f"{public_id('evt', event.id)}-{payload['place']}",
    }
    # An address that is refused fails as one that does not answer: the job is held in the end, and seen.
    answer = await _caller.post(url, json.dumps(body, ensure_ascii=False).encode(), headers)
    if not answer.is_success:
        message = f"answered {answer.status}"
        raise NotDelivered(message)


JOBS = {CALL: call_webhook}
