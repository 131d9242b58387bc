"""Opening and editing a ticket: what the caller may decide, and what is left to rules."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.grants import GRANTS, Grants
from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.writes import insert_at_flush
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.teams.queries import require_takes_tickets
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.actions import apply, custom_changes, require, shown
from helpdesk_api.domains.tickets.custom_fields import Filled, fill_in, refill
from helpdesk_api.domains.tickets.enums import (
    PrioritySource,
    TicketAction,
    TicketStatus,
)
from helpdesk_api.domains.tickets.errors import (
    CategoryRetired,
    ExternalIdTaken,
    FieldForbidden,
    InstantInFuture,
)
from helpdesk_api.domains.tickets.models import NEXT_NUMBER, REFERENCE_PREFIXES, Ticket
from helpdesk_api.domains.tickets.policy import works_on
from helpdesk_api.domains.tickets.prefilling import prefilled
from helpdesk_api.domains.tickets.priorities import changed_priority, check_first_priority
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketUpdate
from helpdesk_api.outbox.pending import pending_events
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import ExternalPairIncomplete, UnknownReference
from helpdesk_api.web.markdown import rendered

_FIRST_VALUES = [
    "type",
    "status",
    "subject",
    "requester_id",
    "submitter_id",
    "organization_id",
    "channel",
    "category_id",
    "impact",
    "urgency",
    "priority",
    "tags",
    "team_id",
    "assignee_id",
    "assigned_at",
    "external_source",
    "external_id",
]
_FIRST_INTERNAL_VALUES = ["priority_source", "priority_reason", "follow_up_of_id"]
_REQUESTERS_MAY_EDIT = frozenset(
    {"subject", "description", "steps_tried", "began_at", "affected_service", "custom_fields", "attachment_ids"}
)
_DESCRIPTION = "#/description"
_EXTERNAL_UNIQUE = "uq_tickets_external_source_external_id"


async def open_ticket(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    body: TicketCreate,
    *,
    follow_up_of: Ticket | None = None,
) -> Ticket:
    """Everything is decided before the row is written: explicit value, rule, category, matrix, least loaded.

    Raises `unknown_reference`, `category_retired`, `external_id_taken`, `missing_scope`, `field_forbidden`, and what
    `fill_in` and `prefilled` do.
    """
    body = await prefilled(session, database, principal, body)
    requester = await _requester(database, principal, body.requester_id)
    _check_rights(principal, body, requester)
    _check_instants(body.began_at, body.occurred_at)
    await _check_category(database, body.category_id)
    await _check_assignment(database, body.team_id, body.assignee_id)
    filled = await fill_in(database, principal, body, is_follow_up=follow_up_of is not None)
    ticket = _new_ticket(principal, body, requester, filled, await rendered(body.description, pointer=_DESCRIPTION))
    ticket.follow_up_of_id = follow_up_of.id if follow_up_of is not None else None
    insert_at_flush(session, ticket)
    event = events.TicketCreated(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        data={
            "explicit": _explicit(body),
            "imported": body.occurred_at is not None,
            **_attachments(body.attachment_ids),
        },
        internal_data={"template_id": public_id("tpl", body.template_id)} if body.template_id else {},
        entity=ticket,
        ticket=ticket,
        occurred_at=ticket.created_at,
    )
    row = await record(session, principal, event)
    await flush_checked(session)
    row.data = {**event.data, "reference": ticket.reference}
    # Its row had no number yet when others told of it.
    for other in pending_events(session):
        if other.ticket_id == ticket.id and "reference" in other.data:
            other.data = {**other.data, "reference": ticket.reference}
    row.changes = _first(ticket, _FIRST_VALUES) | _first_custom(filled.public)
    row.internal_changes = _first(ticket, _FIRST_INTERNAL_VALUES) | _first_custom(filled.internal)
    return ticket


def _first(ticket: Ticket, names: Iterable[str]) -> dict[str, list[Any]]:
    values = {name: getattr(ticket, name) for name in names}
    return {name: [None, shown(name, value)] for name, value in values.items() if value not in (None, [])}


def _first_custom(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in custom_changes({}, values).items()}


def _new_ticket(principal: Principal, body: TicketCreate, requester: Grants, filled: Filled, html: str) -> Ticket:
    now = body.occurred_at or clock.now()
    return Ticket(
        id=new_id(),
        type=body.type,
        number=NEXT_NUMBER[body.type],
        reference_prefix=REFERENCE_PREFIXES[body.type],
        subject=body.subject,
        description=body.description,
        description_html=html,
        steps_tried=body.steps_tried,
        affected_service=body.affected_service,
        began_at=body.began_at,
        channel=body.channel,
        requester_id=requester.user_id,
        submitter_id=principal.user_id,
        organization_id=requester.organization_id,
        category_id=body.category_id,
        impact=body.impact,
        urgency=body.urgency,
        priority=body.priority or Priority.LOW,
        priority_source=PrioritySource.MANUAL if body.priority else PrioritySource.DEFAULT,
        priority_reason=body.priority_reason if body.priority else None,
        language=None,
        tags=list(dict.fromkeys(body.tags)),
        form_id=filled.form_id,
        form_number=filled.number,
        custom_fields=filled.public,
        internal_custom_fields=filled.internal,
        team_id=body.team_id,
        assignee_id=body.assignee_id,
        collaborator_ids=[],
        awaits_member=False,
        needs_reassignment=False,
        status=TicketStatus.OPEN,
        external_source=body.external_source,
        external_id=body.external_id,
        reopened_count=0,
        public_comment_count=0,
        awaits_reply=False,
        internal_comment_count=0,
        checklist_count=0,
        checklist_done_count=0,
        open_required_count=0,
        created_at=now,
        updated_at=now,
        public_updated_at=now,
        version=1,
        public_version=1,
    )


def _attachments(claimed: Iterable[UUID]) -> dict[str, list[str]]:
    ids = [public_id("att", attachment_id) for attachment_id in claimed]
    return {"attachment_ids": ids} if ids else {}


def _explicit(body: TicketCreate) -> list[str]:
    """Which decisions the caller took; routing leaves these alone."""
    fields = {
        "type": body.type if "type" in body.model_fields_set else None,
        "category": body.category_id,
        "priority": body.priority,
        "team": body.team_id,
        "assignee": body.assignee_id,
    }
    return [name for name, value in fields.items() if value is not None]


async def _requester(database: Database, principal: Principal, requester_id: UUID | None) -> Grants:
    wanted = requester_id or principal.user_id
    found = await GRANTS.get(database, wanted.hex)
    if found is None or not found.is_active:
        raise UnknownReference(pointer="#/requester_id")
    return found


def _check_rights(principal: Principal, body: TicketCreate, requester: Grants) -> None:
    if not principal.is_staff:
        if requester.user_id != principal.user_id:
            message = "Only staff open tickets for others."
            raise FieldForbidden(message, pointer="#/requester_id")
        for name in ("team_id", "assignee_id"):
            if getattr(body, name) is not None:
                message = "Only staff choose who works on a ticket."
                raise FieldForbidden(message, pointer=f"#/{name}")
    if not (principal.is_staff or principal.kind == "service" or principal.has(Permission.IMPORT)):
        # Whether an id is taken already tells of tickets that are not theirs to see.
        for name in ("external_source", "external_id"):
            if getattr(body, name) is not None:
                message = "Only staff and integrations name another system's record."
                raise FieldForbidden(message, pointer=f"#/{name}")
    check_first_priority(principal, body)
    if body.occurred_at is not None and not principal.has(Permission.IMPORT):
        raise MissingScope(Permission.IMPORT)
    if (body.external_id is None) != (body.external_source is None):
        raise ExternalPairIncomplete(pointer="#/external_id")


def _check_instants(began_at: datetime | None, occurred_at: datetime | None) -> None:
    now = clock.now()
    for name, value in (("began_at", began_at), ("occurred_at", occurred_at)):
        if value is not None and value > now:
            raise InstantInFuture(pointer=f"#/{name}")


async def _check_category(database: Database, category_id: UUID | None) -> None:
    if category_id is None:
        return
    category = await categories.category(database, category_id)
    if category is None:
        raise UnknownReference(pointer="#/category_id")
    if category.retired_at is not None:
        raise CategoryRetired(pointer="#/category_id")


async def _check_assignment(database: Database, team_id: UUID | None, assignee_id: UUID | None) -> None:
    await require_takes_tickets(database, team_id)
    if assignee_id is None:
        return
    grants = await GRANTS.get(database, assignee_id.hex)
    if grants is None or not can_work(grants, team_id):
        message = "The assignee must be active staff, and of the ticket's team."
        raise UnknownReference(message, pointer="#/assignee_id")


def can_work(grants: Grants, team_id: UUID | None) -> bool:
    """Whether somebody may hold a ticket of this team: what an assignee cannot see they cannot do."""
    return grants.takes_work and (grants.role is Role.ADMIN or team_id is None or team_id in grants.team_ids)


async def flush_checked(session: AsyncSession) -> None:
    """Write the unit of work; raises `external_id_taken` and `unknown_reference` for what a constraint refused."""
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == _EXTERNAL_UNIQUE:
            raise ExternalIdTaken(pointer="#/external_id") from error
        if constraint.startswith("fk_tickets_"):
            raise UnknownReference(pointer=f"#/{constraint.removeprefix('fk_tickets_')}") from error
        raise


async def update_ticket(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    body: TicketUpdate,
) -> None:
    """Merge patch; `{}` changes nothing and records nothing."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    require(principal, ticket, TicketAction.UPDATE)
    _check_update_rights(principal, ticket, values)
    _check_instants(values.get("began_at"), None)
    if values.get("category_id") is not None and values["category_id"] != ticket.category_id:
        await _check_category(database, values["category_id"])
    if "requester_id" in values:
        values["organization_id"] = (await _requester(database, principal, values["requester_id"])).organization_id
    if "custom_fields" in values:
        values |= await refill(database, principal, ticket, values["custom_fields"])
    if "tags" in values:
        values["tags"] = list(dict.fromkeys(values["tags"]))
    # The same again is no change, and what it shows stays.
    if values.get("description", ticket.description) != ticket.description:
        ticket.description_html = await rendered(values["description"], pointer=_DESCRIPTION)
    external = (
        values.get("external_source", ticket.external_source),
        values.get("external_id", ticket.external_id),
    )
    if (external[0] is None) != (external[1] is None):
        raise ExternalPairIncomplete(pointer="#/external_id")
    values |= await changed_priority(database, principal, ticket, values)
    files = _attachments(values.pop("attachment_ids", ()))
    if await apply(session, principal, ticket, events.TicketUpdated, values, data=files, is_news=bool(files)):
        await flush_checked(session)


def _check_update_rights(principal: Principal, ticket: Ticket, values: Mapping[str, Any]) -> None:
    if not works_on(principal, ticket):
        for name in values:
            if name not in _REQUESTERS_MAY_EDIT:
                message = "Only staff change this field."
                raise FieldForbidden(message, pointer=f"#/{name}")
    if "priority" in values or "priority_reason" in values:
        require(principal, ticket, TicketAction.SET_PRIORITY)
