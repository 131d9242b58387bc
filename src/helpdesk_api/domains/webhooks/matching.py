"""Which events are for which webhooks: its types and conditions, among what its owner may read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, and_, cast, func, literal, or_, select
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.permissions import STAFF_ROLES, Role
from helpdesk_api.conditions.checking import Checked, InvalidConditions, check
from helpdesk_api.conditions.sql import compile_where
from helpdesk_api.conditions.tree import Node, read_tree
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.audit import policy as audit
from helpdesk_api.domains.teams.models import TeamMember
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, CallerShape, any_of
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.outbox.models import EventRow

logger = structlog.get_logger(__name__)
_Owner = aliased(User)


class OwnerShape(CallerShape):
    """Stands for the owners of many webhooks at once: who each is comes from the statement's own rows."""

    @property
    def user_id(self) -> ColumnElement[Any]:
        return _Owner.id.expression

    @property
    def team_ids(self) -> ColumnElement[Any]:
        ids = select(func.array_agg(TeamMember.team_id)).where(TeamMember.user_id == _Owner.id)
        return cast(ids.scalar_subquery(), IDS)

    @property
    def organization_id(self) -> ColumnElement[Any]:
        return _Owner.organization_id.expression


def owner_shape(row: Mapping[str, Any]) -> OwnerShape:
    """`row` has `role`, `sees_organization` and `organization_id` of the owner."""
    sees_organization = row["sees_organization"] and row["organization_id"] is not None
    return OwnerShape(row["role"] == Role.ADMIN, row["role"] in STAFF_ROLES, sees_organization)


def read_conditions(node: Node) -> Checked:
    """Raises `invalid_conditions`."""
    return check(node, TICKET)


def wants(row: Mapping[str, Any], event_types: Iterable[str]) -> bool:
    wanted = row["event_types"]
    return not wanted or not frozenset(wanted).isdisjoint(event_types)


def matches(webhooks: Sequence[Mapping[str, Any]], where: ColumnElement[bool]) -> list[AnySelect]:
    """Pairs of webhook and event among the events of `where`, by webhook and sequence: a statement for each kind of
    owner that there is, whatever the number of webhooks."""
    by_shape: dict[OwnerShape, list[Mapping[str, Any]]] = {}
    for row in webhooks:
        by_shape.setdefault(owner_shape(row), []).append(row)
    return [_matches(shape, rows, where) for shape, rows in by_shape.items()]


def _matches(shape: OwnerShape, webhooks: Sequence[Mapping[str, Any]], where: ColumnElement[bool]) -> AnySelect:
    has_type = or_(func.cardinality(Webhook.event_types) == 0, EventRow.type == func.any(Webhook.event_types))
    return (
        select(Webhook.id.label("webhook_id"), EventRow.id, EventRow.type, EventRow.trace_id)
        .join(Webhook, any_of(Webhook.id, [row["id"] for row in webhooks]))
        .join(_Owner, _Owner.id == Webhook.owner_id)
        .outerjoin(Ticket, Ticket.id == EventRow.ticket_id)
        .where(where, has_type, audit.readable(shape), _fits(webhooks))
        .order_by(Webhook.id, EventRow.sequence)
    )


def _fits(webhooks: Sequence[Mapping[str, Any]]) -> ColumnElement[bool]:
    """What is about no ticket fits no conditions."""
    filtered = [(row["id"], _checked(row)) for row in webhooks if row["conditions"] is not None]
    fitting = [
        and_(Webhook.id == literal(webhook_id), Ticket.id.is_not(None), compile_where(checked))
        for webhook_id, checked in filtered
        if checked is not None
    ]
    return or_(Webhook.conditions.is_(None), *fitting)


def _checked(row: Mapping[str, Any]) -> Checked | None:
    """None for a word that a later release dropped: what it would have let through is not known."""
    try:
        return read_conditions(read_tree(row["conditions"]))
    except (InvalidConditions, ValidationError):
        logger.warning("webhook_conditions_unreadable", webhook_id=public_id("whk", UUID(str(row["id"]))))
        return None
