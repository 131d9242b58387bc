"""How good the guesses were: each ticket's first event against what people left, grouped by PostgreSQL."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Float, String, and_, case, cast, column, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id_sql
from helpdesk_api.domains.assignments.enums import DecidedBy
from helpdesk_api.domains.classification.advising import KEPT
from helpdesk_api.domains.classification.enums import ClassifiedField
from helpdesk_api.domains.classification.measures import Outcome, drift, measure
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.schemas import MAX_CONFUSIONS, MONTHS
from helpdesk_api.domains.classification.state import Thresholds
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.events import TicketCreated
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow

RECENT: Final = timedelta(days=90)
_YEAR: Final = timedelta(days=31 * MONTHS)
_SETTLED: Final = (TicketStatus.RESOLVED, TicketStatus.CLOSED)
_NONE: Final = "none"
_FINE: Final = 100


async def read_counts(session: AsyncSession, thresholds: Thresholds) -> list[Mapping[str, Any]]:
    """Of the last year, by month, field, guess, truth and confidence."""
    since = clock.now() - _YEAR
    guesses = func.jsonb_each(EventRow.internal_data[KEPT]["fields"]).table_valued(
        column("key", String), column("value", JSONB), name="guess"
    )
    each = guesses.render_derived()
    confidence = cast(each.c.value["confidence"].astext, Float)
    actual = case(
        (each.c.key == ClassifiedField.TYPE.value, cast(Ticket.type, String)),
        (each.c.key == ClassifiedField.PRIORITY.value, cast(Ticket.priority, String)),
        (each.c.key == ClassifiedField.CATEGORY.value, public_id_sql("cat", Ticket.category_id)),
        else_=public_id_sql("tea", Ticket.team_id),
    )
    decided = EventRow.internal_data["decisions"].op("@>")(
        func.jsonb_build_array(func.jsonb_build_object("step", each.c.key, "decided_by", DecidedBy.MODEL.value))
    )
    covered = {one.value: threshold for one, threshold in thresholds.items() if threshold is not None}
    grouped = {
        "month": func.to_char(func.timezone("UTC", EventRow.occurred_at), "YYYY-MM"),
        "is_recent": EventRow.occurred_at >= clock.now() - RECENT,
        "field": each.c.key,
        "guessed": each.c.value["value"].astext,
        "actual": func.coalesce(actual, _NONE),
        "decided": func.coalesce(decided, literal(value=False)),
        "settled": Ticket.status.in_(_SETTLED),
        "covered": func.coalesce(
            confidence >= cast(cast(literal(covered, JSONB), JSONB)[each.c.key].astext, Float), literal(value=False)
        ),
        "bucket": func.floor(confidence * _FINE),
    }
    columns = [value.label(name) for name, value in grouped.items()]
    statement = (
        select(*columns, func.count().label("count"), func.avg(confidence).label("confidence"))
        .select_from(EventRow)
        .join(Ticket, Ticket.id == EventRow.ticket_id)
        .join(each, true())
        .where(
            and_(EventRow.type == TicketCreated.type, EventRow.sequence.is_not(None)),
            EventRow.occurred_at >= since,
            EventRow.internal_data.has_key(KEPT),
            Ticket.status != TicketStatus.CANCELLED,
            # As in training: what was merged away nobody corrected.
            Ticket.merged_into_id.is_(None),
        )
        .group_by(*[column(name) for name in grouped])
    )
    return [dict(row) for row in (await session.execute(statement)).mappings()]


async def build_report(session: AsyncSession, thresholds: Thresholds) -> dict[str, Any]:
    """The fields of the last 90 days and the months of the last year."""
    rows = await read_counts(session, thresholds)
    shares = await _learned_shares(session)
    recent = [row for row in rows if row["is_recent"]]
    return {
        "since": clock.now() - RECENT,
        "fields": [
            _field(one, threshold, [row for row in recent if row["field"] == one.value], shares.get(one.value, {}))
            for one, threshold in thresholds.items()
        ],
        "months": _months(rows),
    }


async def _learned_shares(session: AsyncSession) -> dict[str, dict[str, float]]:
    measures = await session.scalar(select(ClassificationModel.measures).where(ClassificationModel.is_active))
    return {name: one["shares"] for name, one in (measures or {}).get("fields", {}).items()}


def _field(
    one: ClassifiedField, threshold: float | None, rows: Sequence[Mapping[str, Any]], shares: dict[str, float]
) -> dict[str, Any]:
    settled = [row for row in rows if row["settled"]]
    # Above the threshold or not is PostgreSQL's answer; a mean confidence could lie on the other side.
    measures = measure([_outcome(row) for row in settled], threshold=None)
    covered = measure([_outcome(row) for row in settled if row["covered"]], threshold=None)
    measures = replace(
        measures,
        coverage=covered.count / measures.count if measures.count else None,
        covered_accuracy=covered.accuracy,
    )
    wrong: Counter[tuple[str, str]] = Counter()
    guessed: Counter[str] = Counter()
    for row in rows:
        guessed[row["guessed"]] += row["count"]
        if row["settled"] and row["guessed"] != row["actual"]:
            wrong[row["guessed"], row["actual"]] += row["count"]
    kept = asdict(measures)
    return {
        "field": one,
        "threshold": threshold,
        **_counts(rows),
        **{name: value for name, value in kept.items() if name != "count"},
        "drift": drift(shares, dict(guessed)),
        "confusion": [
            {"guessed": guess, "actual": actual, "ticket_count": count}
            for (guess, actual), count in wrong.most_common(MAX_CONFUSIONS)
        ],
    }


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return Outcome(row["guessed"], row["actual"], float(row["confidence"]), row["count"])


def _counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = dict.fromkeys(("guessed", "decided", "corrected", "measured"), 0)
    for row in rows:
        found["guessed"] += row["count"]
        found["measured"] += row["count"] * row["settled"]
        found["decided"] += row["count"] * row["decided"]
        found["corrected"] += row["count"] * (row["decided"] and row["guessed"] != row["actual"])
    return found


def _months(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_month: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_month[row["month"], row["field"]].append(row)
    found = []
    for (month, field), of_month in sorted(by_month.items(), reverse=True):
        accuracy = measure([_outcome(row) for row in of_month if row["settled"]], None).accuracy
        found.append({"month": month, "field": field, **_counts(of_month), "accuracy": accuracy})
    return found
