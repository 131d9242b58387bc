"""What the model thought of a ticket, and what it learned: read from the ticket's first event and the trainings."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.assignments.enums import DecidedBy
from helpdesk_api.domains.classification.advising import KEPT
from helpdesk_api.domains.classification.enums import ClassifiedField, GuessOutcome
from helpdesk_api.domains.classification.examples import current_values
from helpdesk_api.domains.classification.features import normalised, words_of
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.schemas import MAX_TRAININGS
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.events import TicketCreated
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow

_TRAINING = (
    ClassificationModel.number,
    ClassificationModel.outcome,
    ClassificationModel.is_active,
    ClassificationModel.trained_at,
    ClassificationModel.trained_on,
    ClassificationModel.measured_on,
    ClassificationModel.measures,
)
_MEASURED = ("accuracy", "macro_f1", "calibration_error", "coverage", "covered_accuracy")


async def list_trainings(session: AsyncSession) -> list[dict[str, Any]]:
    """The latest first."""
    newest = select(*_TRAINING).order_by(ClassificationModel.number.desc()).limit(MAX_TRAININGS)
    return [_training(dict(row)) for row in (await session.execute(newest)).mappings()]


async def active_training(session: AsyncSession) -> dict[str, Any] | None:
    row = (await session.execute(select(*_TRAINING).where(ClassificationModel.is_active))).mappings().first()
    return _training(dict(row)) if row is not None else None


def _training(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = row["measures"].get("fields", {})
    return {
        **{name: row[name] for name in ("number", "outcome", "is_active", "trained_at", "trained_on", "measured_on")},
        "fields": [_learned(one, fields[one.value]) for one in ClassifiedField if one.value in fields],
    }


def _learned(one: ClassifiedField, measures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "field": one,
        "values": measures["values"],
        "trained_on": measures["trained_on"],
        "measured_on": measures["count"],
        **{name: measures[name] for name in _MEASURED},
    }


async def read_classification(reads: ReadSession, principal: Principal, ticket_id: UUID) -> dict[str, Any]:
    """Of a ticket on which the caller works: the guesses of its opening, and what is so by now."""
    opening = (EventRow.ticket_id == ticket_id, EventRow.type == TicketCreated.type)
    row = await reads.fetch_one(
        select(
            Ticket.language,
            Ticket.subject,
            Ticket.description,
            Ticket.type,
            Ticket.category_id,
            Ticket.priority,
            Ticket.team_id,
            EventRow.changes,
            EventRow.data,
            EventRow.internal_data,
        )
        .select_from(Ticket)
        .outerjoin(EventRow, EventRow.ticket_id == Ticket.id)
        .where(Ticket.id == ticket_id, *opening)
    )
    kept = row["internal_data"].get(KEPT) if row is not None else None
    answer: dict[str, Any] = {
        "ticket_id": ticket_id,
        "language": row["language"] if row is not None else None,
        "model_number": None,
        "guesses": [],
        "nearest": [],
    }
    if kept is None:
        return answer
    now = current_values(row["type"], row["category_id"], row["priority"], row["team_id"])
    answer["model_number"] = kept["model"]
    answer["guesses"] = [
        _guess(one, kept["fields"][one.value], now, row) for one in ClassifiedField if one.value in kept["fields"]
    ]
    answer["nearest"] = await _nearest(reads, principal, kept["nearest"])
    return answer


def _guess(one: ClassifiedField, guess: Mapping[str, Any], now: Mapping[str, str], row: Any) -> dict[str, Any]:
    # A word that was taken out of the text since is no longer anybody's to read.
    said = words_of(normalised(row["subject"], row["description"]))
    decisions = {decision["step"]: decision for decision in row["internal_data"].get("decisions", ())}
    return {
        "field": one,
        "value": guess["value"],
        "confidence": guess["confidence"],
        "threshold": guess["threshold"],
        "outcome": _outcome(one, guess["value"], decisions.get(one.value), row),
        "current": now.get(one.value),
        "words": [word for word in guess["words"] if word in said],
        "alternatives": [{"value": value, "confidence": chance} for value, chance in guess["alternatives"]],
    }


def _outcome(one: ClassifiedField, value: str, decision: Mapping[str, Any] | None, row: Any) -> GuessOutcome:
    """What the caller, a rule or the category said counts; a general default says nothing."""
    if decision is None and one.value in row["data"].get("explicit", ()):
        said = row["changes"].get(one.value, (None, None))[1]
        return GuessOutcome.AGREED if said == value else GuessOutcome.OVERRULED
    if decision is None or decision["decided_by"] == DecidedBy.DEFAULT.value:
        return GuessOutcome.SUGGESTED
    if decision["decided_by"] == DecidedBy.MODEL.value:
        return GuessOutcome.DECIDED
    return GuessOutcome.AGREED if decision["value"] == value else GuessOutcome.OVERRULED


async def _nearest(
    reads: ReadSession, principal: Principal, pairs: Sequence[tuple[str, float]]
) -> list[dict[str, Any]]:
    """Those of them that the caller may read."""
    likeness = {UUID(hex=key): float(value) for key, value in pairs}
    statement = select(Ticket.id, Ticket.reference, Ticket.subject).where(
        Ticket.id.in_(likeness), policy.readable(principal)
    )
    rows = await reads.fetch(statement) if likeness else []
    found = [{**dict(row), "ticket_id": row["id"], "likeness": likeness[row["id"]]} for row in rows]
    return sorted(found, key=lambda one: (-one["likeness"], one["reference"]))
