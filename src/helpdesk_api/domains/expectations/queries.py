"""`include=expectation`."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import String, bindparam, cast, func, literal_column, or_, select, true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id, public_id_sql
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.expectations.models import ResolutionTimes
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.representation import distinct, instant_sql
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES


@cache
def _expectations_read() -> CompiledStatement:
    promise = (
        select(SlaClock.due_at, SlaClock.state)
        .where(
            SlaClock.ticket_id == Ticket.id,
            SlaClock.kind == PolicyKind.SLA,
            SlaClock.metric == Metric.RESOLUTION,
            SlaClock.ended_at.is_(None),
        )
        .order_by(SlaClock.cycle.desc())
        .limit(1)
        .lateral("promise")
    )
    # The category's own history says more than that of all of them, as soon as it has one.
    history = (
        select(ResolutionTimes.ticket_count, ResolutionTimes.half, ResolutionTimes.most)
        .where(
            ResolutionTimes.type == Ticket.type,
            ResolutionTimes.priority == Ticket.priority,
            or_(ResolutionTimes.category_id == Ticket.category_id, ResolutionTimes.category_id.is_(None)),
        )
        .order_by(ResolutionTimes.category_id.nulls_last())
        .limit(1)
        .lateral("history")
    )
    active: list[Any] = [literal_column(f"'{status}'") for status in sorted(ACTIVE_STATUSES)]
    body = func.json_build_object(
        "ticket_id", public_id_sql("tkt", Ticket.id),
        "promised_by", instant_sql(promise.c.due_at),
        "is_paused", func.coalesce(promise.c.state == ClockState.PAUSED.value, False),
        "half_by", instant_sql(Ticket.created_at + history.c.half),
        "most_by", instant_sql(Ticket.created_at + history.c.most),
        "similar_count", history.c.ticket_count,
    )  # fmt: skip
    return CompiledStatement(
        select(Ticket.id, cast(body, String).label("body"))
        .join(promise, true(), isouter=True)
        .join(history, true(), isouter=True)
        .where(any_of(Ticket.id, bindparam("ids", type_=IDS)), Ticket.status.in_(active))
    )


async def expectations_of(reads: ReadSession, principal: Principal, rows: Sequence[Any]) -> Mapping[str, str]:
    """By ticket, of those that are still worked on; what was promised to requesters only, so anybody may see it."""
    del principal
    ids = distinct(rows, "id")
    if not ids:
        return {}
    found = await reads.fetch(_expectations_read(), {"ids": ids})
    return {public_id("tkt", row["id"]): row["body"] for row in found}
