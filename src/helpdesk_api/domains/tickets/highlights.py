"""Where the matches of a page lie: excerpts with `<mark>`, everything else of them escaped. One statement a page."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, bindparam, func, literal_column, null, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.text_search import headline
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.full_text import as_tsquery
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.words import CONFIGURATION
from helpdesk_api.web.marks import OPEN, marked_html

_OPTIONS: Final = literal_column(
    "E'StartSel=\\x02, StopSel=\\x03, MaxFragments=2, MinWords=8, MaxWords=24, FragmentDelimiter=\" … \"'", Text
)
_WHOLE: Final = literal_column("E'StartSel=\\x02, StopSel=\\x03, HighlightAll=true'", Text)
_NOTHING: Final[ColumnElement[str]] = literal_column("''", Text)
# Longer texts are searched to their end, and marked so far.
_MARKED_LENGTH: Final[ColumnElement[int]] = literal_column("20000")
MAX_COMMENTS: Final = 3
MAX_EXCERPT: Final = 20_000
_MARKED: Final = ("subject", "description", "steps_tried", "affected_service")
Excerpts = Callable[[policy.CallerShape, ColumnElement[Any]], ColumnElement[Any]]
_excerpts: dict[str, Excerpts] = {}


def register_excerpts(excerpts: Mapping[str, Excerpts]) -> None:
    """Called once by the process with `wiring.SEARCH_EXCERPTS`: what lies on a ticket and matches a tsquery, as a
    subquery of JSON that looks at one ticket, and at what of it the caller may read."""
    _excerpts.update(excerpts)


def excerpt(text: Any, asked: ColumnElement[Any], *, is_short: bool = False) -> ColumnElement[str]:
    """Around the matches, or the whole of a short text; without a mark when nothing matches."""
    return headline(CONFIGURATION, func.left(text, _MARKED_LENGTH), asked, _WHOLE if is_short else _OPTIONS)


@lru_cache(maxsize=16)
def _read(shape: policy.CallerShape) -> CompiledStatement:
    asked = as_tsquery(bindparam("wanted", type_=Text))
    others = [found(shape, asked).label(name) for name, found in _excerpts.items()]
    return CompiledStatement(
        select(
            Ticket.id,
            excerpt(Ticket.subject, asked, is_short=True).label("subject"),
            excerpt(Ticket.description, asked).label("description"),
            excerpt(func.coalesce(Ticket.steps_tried, _NOTHING), asked).label("steps_tried"),
            excerpt(func.coalesce(Ticket.affected_service, _NOTHING), asked, is_short=True).label("affected_service"),
            *(others or [null().label("comments")]),
        ).where(policy.any_of(Ticket.id, bindparam("ids", type_=policy.IDS)), policy.readable(shape))
    )


async def highlights_json(reads: ReadSession, principal: Principal, rows: Sequence[Any], wanted: str) -> str:
    """By ticket. A field without a match is null."""
    if not rows or not wanted:
        return "{}"
    parameters = {**policy.caller_parameters(principal), "ids": [row["id"] for row in rows], "wanted": wanted}
    found = {}
    for row in await reads.fetch(_read(policy.shape_of(principal)), parameters):
        marked = {name: _marked(row[name]) for name in _MARKED}
        others = {name: [_shown(one) for one in json.loads(row[name] or "[]")] for name in _excerpts}
        found[public_id("tkt", row["id"])] = {**marked, **others}
    return json.dumps(found, ensure_ascii=False)


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "excerpt": _marked(one["excerpt"])}


def _marked(text: str) -> str | None:
    return marked_html(text, MAX_EXCERPT) if OPEN in text else None
