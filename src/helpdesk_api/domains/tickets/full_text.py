"""Full text over a ticket and what lies on it, in one of two forms: by the index, or along the list's own order.

An index finds all matches before the first is shown, which is fast for a word that few have. A word that every
hundredth has is met soon enough on the way through a list that something else narrows, too.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from typing import Any, Final, Protocol

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from helpdesk_api.conditions.checking import Checked, Every, Inverse, Leaf, Some
from helpdesk_api.conditions.query_language import NEAR
from helpdesk_api.conditions.tree import ConditionOperator
from helpdesk_api.database.reads import CompiledStatement, ReadSession, opaque
from helpdesk_api.database.statistics import Statistic
from helpdesk_api.database.text_search import parsed, quoted, readable
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import SEARCH, Ticket
from helpdesk_api.domains.tickets.weeks import is_within
from helpdesk_api.domains.tickets.words import CONFIGURATION, forms_of, languages_in_use, near_words, searched_texts

# Of all texts; and so many of these that a list which nothing else narrows is read along what the index finds.
_FEW_SHARE, _SOME_SHARE = 0.01, 0.05
_WORD: Final = re.compile(r"(?<![-\w])\w+")
_FOLLOWED_BY: Final = "<->"
_SEPARATORS: Final = re.compile(r"[-._]+")
_TOKEN: Final = re.compile(r"'(?:[^'\\]|''|\\.)*'|<->|<[0-9]+>|[&|!()]")
# By each word the words that it stands for, too, and in about how many texts each of them is.
Forms = Mapping[str, Mapping[str, int]]


class Frequency(StrEnum):
    """In how many texts one stands, about. A guess, that decides on the form of a statement alone."""

    FEW = "few"
    SOME = "some"
    MANY = "many"


class Source(Protocol):
    """What matches a tsquery; of those tickets alone, if so asked, that are `weeks.is_within`. With `is_merged` what a
    merge has moved, by the tickets where it lay, and in a fourth column where it lies now."""

    def __call__(self, asked: ColumnElement[Any], *, by_week: bool = False, is_merged: bool = False) -> AnySelect: ...


_sources: list[Source] = []


def register_sources(given: Sequence[Source]) -> None:
    """Called once by the process with `wiring.SEARCH_SOURCES`: the comments, say, that match a tsquery, each as its
    ticket's id and `created_at`, and `is_public`; who may read them is judged here, with the ticket, and once for
    each."""
    _sources[:] = given


@dataclass(frozen=True, slots=True)
class Sought:
    """A text as PostgreSQL reads it: words, "phrases", `or` and `-`; any text is one. Both are texts of a tsquery.
    `~word` alone stands for the words of the corpus that are spelt much like it, too.

    Outside of a phrase a word stands for all its forms. `wanted` is any of what the text asks for, without what must
    not be there: to rank by, and to mark. `words` are these as they were typed. `seen_count` is how many texts have it
    at the most, about; 0 where nobody knows.
    """

    tsquery: str
    wanted: str
    words: tuple[str, ...]
    frequency: Frequency
    # It changes from minute to minute, and no statement depends on it.
    seen_count: int = field(default=0, compare=False)


async def understand(
    reads: ReadSession, questions: Sequence[Checked | None], text: str | None = None
) -> tuple[list[Checked | None], Sought | None]:
    """The questions with their texts as `Sought`, and the one beside them. One statement, or none without a text."""
    texts = [found for asked in questions if asked is not None for found in texts_in(asked)]
    if text is not None:
        texts.append(text)
    if not texts:
        return list(questions), None
    await _frequencies.refresh(reads)
    read = {one: readable(one) for one in texts}
    known = list(dict.fromkeys(read.values()))
    near = [found[1].lower() if (found := NEAR.fullmatch(one)) is not None else None for one in known]
    languages = await languages_in_use(reads)
    rows = await reads.fetch(_READ_TEXTS, {"texts": known, "near": near, "languages": languages})
    by_text = {row["text"]: _sought(row["text"], row["tsquery"], json.loads(row["forms"] or "{}")) for row in rows}
    sought = {one: by_text[as_read] for one, as_read in read.items()}
    understood = [_understood(asked, sought) if asked is not None else None for asked in questions]
    return understood, sought[text] if text is not None else None


_given = (
    func.unnest(
        opaque(bindparam("texts", type_=ARRAY(Text))),
        opaque(bindparam("near", type_=ARRAY(Text))),
    )
    .table_valued("text", "near", name="given")
    .render_derived()
)
_languages: ColumnElement[Any] = cast(opaque(bindparam("languages", type_=ARRAY(Text))), ARRAY(Text))
_READ_TEXTS: Final = CompiledStatement(
    select(
        _given.c.text,
        cast(func.websearch_to_tsquery(CONFIGURATION, parsed(func.coalesce(_given.c.near, _given.c.text))), Text).label(
            "tsquery"
        ),
        cast(func.coalesce(near_words(_given.c.near), forms_of(_given.c.text, _languages)), Text).label("forms"),
    )
)


def texts_in(asked: Checked, *, wanted_only: bool = False) -> Iterator[Any]:
    """What the tree's full text leaves look for; on request without those that are negated."""
    if isinstance(asked, Every | Some):
        for part in asked.parts:
            yield from texts_in(part, wanted_only=wanted_only)
    elif isinstance(asked, Inverse):
        if not wanted_only:
            yield from texts_in(asked.part)
    elif asked.op is ConditionOperator.MATCHES:
        yield asked.operand


def _understood(asked: Checked, sought: Mapping[str, Sought]) -> Checked:
    if isinstance(asked, Every | Some):
        return replace(asked, parts=tuple(_understood(part, sought) for part in asked.parts))
    if isinstance(asked, Inverse):
        return Inverse(_understood(asked.part, sought))
    if asked.op is ConditionOperator.MATCHES:
        return Leaf(asked.field, asked.op, sought[asked.operand])
    return asked


def _sought(text: str, tsquery: str, forms: Forms) -> Sought:
    tokens, refused = _without_compounds(_TOKEN.findall(tsquery)), _Refused()
    widened: list[str] = []
    wanted: list[str] = []
    words: list[str] = []
    counts: list[int] = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        widened.append(token)
        is_refused = refused.covers(token, before)
        if token[0] != "'":
            continue
        in_phrase = before.startswith("<") or after.startswith("<")
        known = forms.get(token[1:-1], {})
        kin = [word for word in known if word != token[1:-1]]
        parts = _parts(token)
        if len(parts) > 1:
            widened[-1] = f"( {token} | {f' {_FOLLOWED_BY} '.join(parts)} )"
        elif kin and not in_phrase:
            widened[-1] = f"( {' | '.join([token, *map(quoted, kin)])} )"
        if is_refused:
            continue
        words.append(token[1:-1])
        counts.append(sum(known.values()))
        if before.startswith("<"):
            wanted[-1] += f" {before} {widened[-1]}"
        else:
            wanted.append(widened[-1])
    any_of = " | ".join(f"( {one} )" for one in wanted)
    seen_count = (sum if "|" in tokens else min)(counts) if counts and all(counts) else 0
    return Sought(" ".join(widened), any_of, tuple(dict.fromkeys(words)), frequency_of(text, forms), seen_count)


def _without_compounds(tokens: Sequence[str]) -> list[str]:
    """PostgreSQL asks of `VPN-trace` the word and its parts behind it. Its parts in a row are enough, and stand in a
    file's name and where nobody wrote the dash, too."""
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        parts, follows = _parts(tokens[place]), list(tokens[place + 1 : place + 3])
        begins = not (kept and kept[-1].startswith("<"))
        if begins and len(parts) > 1 and follows == [_FOLLOWED_BY, parts[0]]:
            place += 2
        kept.append(tokens[place])
        place += 1
    return kept


def _parts(token: str) -> list[str]:
    """The words of one that has dots, dashes or lines in it, as those of files have: each for itself, as the names of
    files are kept."""
    return [f"'{part}'" for part in _SEPARATORS.split(token[1:-1]) if part] if token[0] == "'" else []


class _Refused:
    """Follows the tokens of a tsquery, and knows which of them stand behind a `!`."""

    def __init__(self) -> None:
        self._depth = 0
        self._since: int | None = None

    def covers(self, part: str, before: str) -> bool:
        if part == "(":
            if before == "!" and self._since is None:
                self._since = self._depth
            self._depth += 1
        elif part == ")":
            self._depth -= 1
            if self._since == self._depth:
                self._since = None
        return self._since is not None or before == "!"


def as_tsquery(text: ColumnElement[str]) -> ColumnElement[Any]:
    """Of a text that PostgreSQL wrote itself; anything else is an error there."""
    return cast(cast(text, Text), TSQUERY)


def matches(shape: policy.CallerShape, tsquery: ColumnElement[str], frequency: Frequency) -> ColumnElement[bool]:
    """For a statement over the tickets that the caller may read; both forms find the same."""
    asked = opaque(as_tsquery(tsquery))
    own: ColumnElement[bool] = SEARCH.op("@@")(asked)
    if frequency is not Frequency.FEW:
        return or_(own, *[_on_this_ticket(shape, found) for found in _on_tickets(shape, asked)])
    ticket_id, _, is_public = _all_matches(shape, asked).cte().c
    public = select(ticket_id).where(is_public)
    if not shape.is_staff:
        return Ticket.id.in_(public)
    anywhere = Ticket.id.in_(select(ticket_id))
    return anywhere if shape.is_admin else and_(anywhere, or_(policy.sees_internal(shape), Ticket.id.in_(public)))


def matches_in_order(
    shape: policy.CallerShape, tsquery: ColumnElement[str], *, descending: bool, by_week: bool
) -> tuple[FromClause, ColumnElement[bool]]:
    """What `matches` finds of a word that few have, as `ticket_id` and `created_at` to join with: in this order before
    any ticket is looked up, so that the looking up stops with the page. And what is to be asked of the ticket still.

    `by_week` finds those alone that are `weeks.is_within`."""
    asked = opaque(as_tsquery(tsquery))
    ticket_id, created_at, is_public = _all_matches(shape, asked, by_week=by_week).subquery().c
    each = select(
        ticket_id.label("ticket_id"), created_at.label("created_at"), func.bool_or(is_public).label("is_public")
    )
    if not shape.is_staff:
        each = each.where(is_public)
    # Said here as well as outside: for the order of a join the planner sorts no side of it by itself.
    order = [key.desc() if descending else key.asc() for key in (created_at, ticket_id)]
    found = each.group_by(ticket_id, created_at).order_by(*order).subquery("matched")
    if shape.is_admin or not shape.is_staff:
        return found, true()
    return found, or_(found.c.is_public, policy.sees_internal(shape))


def _all_matches(shape: policy.CallerShape, asked: ColumnElement[Any], *, by_week: bool = False) -> CompoundSelect[Any]:
    of_tickets = select(Ticket.id, Ticket.created_at, true()).where(SEARCH.op("@@")(asked))
    if by_week:
        of_tickets = of_tickets.where(is_within(Ticket.created_at))
    found = [of_tickets, *_on_tickets(shape, asked, by_week=by_week)]
    return union_all(*[one.correlate(None) for one in found])


def _on_tickets(shape: policy.CallerShape, asked: ColumnElement[Any], *, by_week: bool = False) -> Sequence[AnySelect]:
    """What each source finds: what lies on a ticket, and what lay on one that was merged, for those who do not see
    where it goes on. The others find it there."""
    found = [source(asked, by_week=by_week) for source in _sources]
    if shape.is_admin:
        return found
    for source in _sources:
        moved = source(asked, by_week=by_week, is_merged=True)
        *columns, ticket_id = moved.selected_columns
        seen = select(Ticket.id).where(Ticket.id == ticket_id, policy.readable(shape)).correlate_except(Ticket)
        found.append(moved.with_only_columns(*columns).where(~seen.exists()))
    return found


def lies_on_readable(shape: policy.CallerShape, asked: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """For each kind of find, whether anything that the caller may read matches, whatever ticket it lies on."""
    return [
        select(Ticket.id).where(policy.readable(shape), _on_this_ticket(shape, found)).exists()
        for found in _on_tickets(shape, asked)
    ]


def _on_this_ticket(shape: policy.CallerShape, found: AnySelect) -> ColumnElement[bool]:
    ticket_id, _, is_public = found.selected_columns
    shown = or_(is_public, policy.sees_internal(shape))
    return found.where(ticket_id == Ticket.id, shown).correlate(Ticket).exists()


_stats = table("pg_stats", *map(column, ("schemaname", "tablename", "attname")), schema="pg_catalog")
_class = table("pg_class", *map(column, ("relname", "relnamespace", "reltuples")), schema="pg_catalog")
# As many texts as each table has: of few articles' words, each stands in many of them.
_searched = (
    select(
        literal_column("most_common_elems::text::text[]").label("words"),
        literal_column("most_common_elem_freqs").label("shares"),
        (_class.c.reltuples / func.sum(_class.c.reltuples).over()).label("part"),
    )
    .select_from(_stats.join(_class, _class.c.relname == _stats.c.tablename))
    .where(
        _class.c.relnamespace == literal_column("current_schema()::regnamespace::oid"),
        _stats.c.schemaname == func.current_schema(),
        _stats.c.attname == literal_column("'search'"),
        _stats.c.tablename == any_(bindparam("tables", type_=ARRAY(Text))),
        _class.c.reltuples > literal_column("0"),
    )
    .subquery("searched")
)
_elements = func.unnest(_searched.c.words, _searched.c.shares).table_valued("word", "share").render_derived()
_STATISTICS: Final = CompiledStatement(
    select(_elements.c.word, func.sum(_elements.c.share * _searched.c.part).label("share"))
    .select_from(_searched.join(_elements, literal_column("true")))
    .group_by(_elements.c.word)
)


async def _read_frequencies(reads: ReadSession) -> Mapping[str, float]:
    tables = [texts.id.class_.__tablename__ for texts in searched_texts()]
    return {row["word"]: row["share"] for row in await reads.fetch(_STATISTICS, {"tables": tables})}


# In what share of the texts a word stands, as PostgreSQL's own statistics have it.
_frequencies: Final[Statistic[Mapping[str, float]]] = Statistic(_read_frequencies, {})


def frequency_of(text: str, forms: Forms | None = None) -> Frequency:
    share = _share_of(text.lower(), forms or {})
    if share < _FEW_SHARE:
        return Frequency.FEW
    return Frequency.SOME if share < _SOME_SHARE else Frequency.MANY


def _share_of(text: str, forms: Forms) -> float:
    shares = [_share(word, forms) for word in _WORD.findall(text) if word != "or"]
    if not shares:
        return 1.0
    return max(shares) if " or " in text else prod(shares)


def _share(word: str, forms: Forms) -> float:
    return min(1.0, sum(_frequencies.value.get(one, 0.0) for one in {word, *forms.get(word, ())}))
