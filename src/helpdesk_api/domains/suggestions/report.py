"""What suggestions spared: counts over a span of time, for those who write articles."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, and_, case, cast, func, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.knowledge.queries import select_articles
from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.suggestions.errors import ReportSpanInvalid
from helpdesk_api.domains.suggestions.models import Suggestion

DEFAULT_SPAN: Final = timedelta(days=30)
MAX_SPAN: Final = timedelta(days=400)
# Who opens no ticket for this long has stopped.
PATIENCE: Final = timedelta(days=1)
MAX_ARTICLES: Final = 50


async def report(
    reads: ReadSession, principal: Principal, *, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    """The last 30 days when left out. Two statements. Raises `report_span_invalid`."""
    until = until.astimezone(UTC) if until is not None else clock.now()
    since = since.astimezone(UTC) if since is not None else until - DEFAULT_SPAN
    if not since < until <= since + MAX_SPAN:
        raise ReportSpanInvalid(parameter="until")
    span = and_(Suggestion.created_at >= since, Suggestion.created_at < until)
    counts = await reads.fetch_one(_counts(span))
    articles = [dict(row) for row in await reads.fetch(_articles(principal, span))]
    return {"since": since, "until": until, **dict(counts), "articles": articles}


def _counts(span: ColumnElement[bool]) -> Any:
    answered = (func.cardinality(Suggestion.article_ids) > 0) | (Suggestion.ticket_count > 0)
    silent = and_(Suggestion.outcome.is_(None), Suggestion.asked_at < clock.now() - PATIENCE)

    def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(and_(answered, condition))

    return select(
        func.count().label("asked_count"),
        func.count().filter(answered).label("answered_count"),
        counted(Suggestion.outcome == SuggestionOutcome.DEFLECTED).label("deflected_count"),
        counted(Suggestion.outcome == SuggestionOutcome.TICKET_OPENED).label("opened_count"),
        counted(silent).label("stopped_count"),
    ).where(span)


def _articles(principal: Principal, span: ColumnElement[bool]) -> Any:
    article_id = func.unnest(Suggestion.article_ids).label("article_id")
    shown = select(article_id, Suggestion.article_id.label("helped_id"), Suggestion.outcome).where(span).subquery()
    helped = and_(shown.c.helped_id == shown.c.article_id, shown.c.outcome == SuggestionOutcome.DEFLECTED)
    counted = (
        select(
            shown.c.article_id,
            func.count().label("shown_count"),
            func.sum(case((helped, 1), else_=0)).label("deflected_count"),
        )
        .group_by(shown.c.article_id)
        .subquery("counted")
    )
    readable = select_articles(principal, with_text=False)
    title = next(column for column in readable.selected_columns if column.key == "title")
    return (
        readable.with_only_columns(
            counted.c.article_id, title, counted.c.shown_count, cast(counted.c.deflected_count, Integer)
        )
        .join(counted, counted.c.article_id == Article.id)
        .order_by(counted.c.shown_count.desc(), counted.c.article_id)
        .limit(MAX_ARTICLES)
    )
