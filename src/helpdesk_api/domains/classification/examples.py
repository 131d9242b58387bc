"""What is learned from: tickets as people left them. What the model itself decided counts once people agreed."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.assignments.enums import DecidedBy
from helpdesk_api.domains.categories.enums import TicketType
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.classification.enums import ClassifiedField
from helpdesk_api.domains.classification.features import MAX_CHARACTERS
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.enums import PrioritySource, TicketStatus
from helpdesk_api.domains.tickets.events import TicketCreated
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow

# The newest say what the desk does today; more would take the night and change little.
MAX_TICKETS: Final = 20_000
# A problem or a change is made by the desk itself, and is no guess.
_TYPES: Final = frozenset({TicketType.INCIDENT, TicketType.SERVICE_REQUEST})
_SETTLED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
_NOBODY: Final = frozenset({DecidedBy.MODEL.value, DecidedBy.DEFAULT.value})


async def read_examples(session: AsyncSession) -> list[list[Any]]:
    """As the learner takes them: id, subject, description, labels by field; the newest last."""
    opening = and_(EventRow.ticket_id == Ticket.id, EventRow.type == TicketCreated.type)
    category_in_use = select(Category.id).where(Category.id == Ticket.category_id, Category.retired_at.is_(None))
    team_in_use = select(Team.id).where(Team.id == Ticket.team_id, Team.archived_at.is_(None))
    statement = (
        select(
            Ticket.id,
            Ticket.subject,
            func.left(Ticket.description, MAX_CHARACTERS).label("description"),
            Ticket.status,
            Ticket.type,
            category_in_use.scalar_subquery().label("category_id"),
            Ticket.priority,
            Ticket.priority_source,
            team_in_use.scalar_subquery().label("team_id"),
            EventRow.data["explicit"].label("explicit"),
            EventRow.internal_data["decisions"].label("decisions"),
            EventRow.type.is_not(None).label("is_told"),
            EventRow.changes["type"][1].astext.label("first_type"),
            EventRow.changes["category_id"][1].astext.label("first_category_id"),
        )
        .outerjoin(EventRow, opening)
        .where(Ticket.status != TicketStatus.CANCELLED, Ticket.merged_into_id.is_(None))
        .order_by(Ticket.created_at.desc(), Ticket.id.desc())
        .limit(MAX_TICKETS)
    )
    rows = (await session.execute(statement)).mappings().all()
    examples = [[row["id"].hex, row["subject"], row["description"], _labels(dict(row))] for row in reversed(rows)]
    return [one for one in examples if one[3]]


def _labels(row: Mapping[str, Any]) -> dict[str, str]:
    now = current_values(row["type"], row["category_id"], row["priority"], row["team_id"])
    if row["type"] not in _TYPES:
        del now[ClassifiedField.TYPE.value]
    if row["priority_source"] is PrioritySource.DEFAULT:
        del now[ClassifiedField.PRIORITY.value]
    if row["status"] in _SETTLED:
        return now
    decided = {one["step"]: one for one in row["decisions"] or () if one["decided_by"] not in _NOBODY}
    explicit = row["explicit"] or ()
    first = {one["step"]: one["value"] for one in row["decisions"] or ()}
    if row["is_told"]:
        # Where nothing decided these, it was opened with them, or without: what they are now somebody said.
        undecided = {ClassifiedField.TYPE: row["first_type"], ClassifiedField.CATEGORY: row["first_category_id"]}
        first = {one.value: value for one, value in undecided.items()} | first
    return {
        name: value
        for name, value in now.items()
        if name in decided or name in explicit or (name in first and first[name] != value)
    }


def current_values(kind: str, category_id: UUID | None, priority: str, team_id: UUID | None) -> dict[str, str]:
    """By field, ids as the contract has them; what a ticket has not is missing."""
    found = {ClassifiedField.TYPE.value: str(kind), ClassifiedField.PRIORITY.value: str(priority)}
    if category_id is not None:
        found[ClassifiedField.CATEGORY.value] = public_id("cat", category_id)
    if team_id is not None:
        found[ClassifiedField.TEAM.value] = public_id("tea", team_id)
    return found
