"""Tickets that are like a text, among those that the caller may read.

Only what everybody who sees a ticket may read of it is compared: its subject and what the requester wrote.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession, opaque
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.embeddings.engine import Begun, Meaning, awaited, begin_meaning_of
from helpdesk_api.domains.embeddings.enums import EmbeddedKind, SearchEngine
from helpdesk_api.domains.embeddings.nearest import Near, in_order, near_statement, parameters_of
from helpdesk_api.domains.embeddings.rules import fuse
from helpdesk_api.domains.embeddings.vector_index import is_indexed
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.rules import AskedWord, choose, relevance, says_enough, share
from helpdesk_api.domains.suggestions.words import read_words
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import SEARCH, Ticket

# The newest matches alone are compared, so that a common word keeps nobody waiting.
CANDIDATES: Final = 500
# So many of those that somebody asked for, and of those that they handed in for others.
OWN_COMPARED: Final = 1_000
# Without pgvector meaning has no index: it is looked for among these.
NEWEST: Final = 20_000
# With it, where most of what is near is also in the scope; somebody's own few are compared faster.
_WIDE: Final = frozenset({TicketScope.RESOLVED, TicketScope.ANY})
# Further away than this is another subject.
LEAST: Final = 0.3
TYPED_LENGTH: Final = 90
# Of two reports of one thing the meaning tells more than the words: measured in tests/quality.
BY_WORDS, BY_MEANING = 1.0, 2.0
TEXT_LENGTH: Final[Any] = literal_column("400")
_TEXTS = ARRAY(Text)


def texts(languages: Collection[str] | None) -> AnySelect:
    """Of every ticket that stands for itself: what it is about stands in its subject and its first lines. Whatever the
    language, since nobody says it."""
    del languages
    text = func.concat_ws(literal_column("E'\\n'"), Ticket.subject, func.left(Ticket.description, TEXT_LENGTH))
    return select(Ticket.id, text.label("text")).where(Ticket.merged_into_id.is_(None))


@dataclass(frozen=True, slots=True)
class Among:
    """Where to look; `ticket_id` is left out itself, the instants are for `recent`."""

    scope: TicketScope
    ticket_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def parameters(self, principal: Principal) -> dict[str, Any]:
        given = {"but_id": self.ticket_id or UUID(int=0), "since": self.since, "until": self.until}
        return {**policy.caller_parameters(principal), **given}


@dataclass(frozen=True, slots=True)
class AlikeByWords:
    """`word_share` is how much of what was asked it says, from 0 to 1; the rarest of the common `words` comes first."""

    id: UUID
    words: Sequence[str]
    word_share: float


def in_scope(shape: policy.CallerShape, scope: TicketScope) -> Sequence[ColumnElement[bool]]:
    """What every search for similar tickets starts from."""
    common = (policy.readable(shape), Ticket.merged_into_id.is_(None), Ticket.id != bindparam("but_id", type_=Uuid))
    if scope is TicketScope.RESOLVED:
        resolved = or_(Ticket.status == TicketStatus.RESOLVED, Ticket.status == TicketStatus.CLOSED)
        return (*common, resolved, Ticket.resolution_text.is_not(None))
    if scope is TicketScope.ANY:
        return common
    if scope is TicketScope.OWN:
        return (*common, or_(Ticket.requester_id == shape.user_id, Ticket.submitter_id == shape.user_id))
    since, until = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
    return (
        *common,
        Ticket.created_at >= since,
        Ticket.created_at <= until,
        Ticket.status != TicketStatus.CANCELLED,
    )


def newest_first(scope: TicketScope) -> Sequence[ColumnElement[Any]]:
    if scope is TicketScope.RESOLVED:
        return Ticket.resolved_at.desc(), Ticket.id.desc()
    return Ticket.created_at.desc(), Ticket.id.desc()


@lru_cache(maxsize=32)
def _by_words(shape: policy.CallerShape, scope: TicketScope) -> CompiledStatement:
    given = (
        func.unnest(bindparam("words", type_=_TEXTS), bindparam("queries", type_=_TEXTS))
        .table_valued("word", "query", name="given")
        .render_derived()
    )
    asked = (
        select(given.c.word, cast(cast(given.c.query, Text), TSQUERY).label("query"))
        .cte("asked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    any_of_them = opaque(cast(bindparam("any_of_them", type_=Text), TSQUERY))
    if scope is TicketScope.OWN:
        own = _newest_own(shape)
        matching = select(own.c.id, own.c.search).where(own.c.search.op("@@")(any_of_them))
        matching = matching.order_by(own.c.created_at.desc(), own.c.id.desc())
    else:
        matching = select(Ticket.id, SEARCH).where(*in_scope(shape, scope), SEARCH.op("@@")(any_of_them))
        matching = matching.order_by(*newest_first(scope))
    found = matching.limit(literal_column(str(CANDIDATES))).cte("found")
    common: Select[Any] = select(func.array_agg(asked.c.word)).where(found.c.search.op("@@")(asked.c.query))
    words = common.select_from(asked).correlate(found).scalar_subquery()
    return CompiledStatement(select(found.c.id, words.label("words"), func.length(found.c.search).label("length")))


def _newest_own(shape: policy.CallerShape) -> CTE:
    """Somebody's own are few: they are looked through, not looked up among all that have one of the words."""

    def newest(*conditions: ColumnElement[bool]) -> Any:
        own = select(Ticket.id, SEARCH, Ticket.created_at).where(*in_scope(shape, TicketScope.OWN), *conditions)
        return own.order_by(*newest_first(TicketScope.OWN)).limit(literal_column(str(OWN_COMPARED))).subquery()

    asked, handed_in = Ticket.requester_id == shape.user_id, Ticket.submitter_id == shape.user_id
    return union_all(select(newest(asked)), select(newest(handed_in, ~asked))).cte("own")


async def alike_by_words(
    reads: ReadSession, principal: Principal, worth: Mapping[str, float], among: Among
) -> list[AlikeByWords]:
    """The best first. One statement, or none where no word tells anything."""
    if not worth:
        return []
    queries = {word: f"'{word}'" for word in worth}
    parameters = {
        **among.parameters(principal),
        "words": list(queries),
        "queries": list(queries.values()),
        "any_of_them": " | ".join(queries.values()),
    }
    rows = await reads.fetch(_by_words(policy.shape_of(principal), among.scope), parameters)
    mean = sum(row["length"] for row in rows) / len(rows) if rows else 1.0
    scored = [
        (relevance(row["words"], worth, length=row["length"], mean_length=mean), row)
        for row in rows
        if says_enough(row["words"], worth)
    ]
    scored.sort(key=lambda one: (-one[0], one[1]["id"].int))
    return [
        AlikeByWords(row["id"], sorted(row["words"], key=lambda word: (-worth[word], word)), share(row["words"], worth))
        for _, row in scored
    ]


@lru_cache(maxsize=32)
def _by_meaning(shape: policy.CallerShape, scope: TicketScope, indexed_length: int | None) -> CompiledStatement:
    if indexed_length is not None:
        all_of_them = select(Ticket.id).where(*in_scope(shape, scope))
        return CompiledStatement(near_statement(EmbeddedKind.TICKET, all_of_them, indexed_length=indexed_length))
    return CompiledStatement(near_newest(shape, scope))


def near_newest(shape: policy.CallerShape, scope: TicketScope, *, most: int = NEWEST) -> AnySelect:
    """Its columns are `id`, `vector` and `norm`."""
    newest = (
        select(Ticket.id).where(*in_scope(shape, scope)).order_by(*newest_first(scope)).limit(literal_column(str(most)))
    )
    return near_statement(EmbeddedKind.TICKET, newest)


async def alike_by_meaning(
    reads: ReadSession,
    principal: Principal,
    meaning: Meaning | None,
    among: Among,
    *,
    least: float = LEAST,
    is_quick: bool = False,
) -> list[Near]:
    """The nearest first. One statement, or none without a meaning."""
    if meaning is None:
        return []
    parameters = among.parameters(principal) | parameters_of(meaning, is_quick=is_quick)
    length = len(meaning.code)
    indexed = length if among.scope in _WIDE and await is_indexed(reads, length) else None
    rows = await reads.fetch(_by_meaning(policy.shape_of(principal), among.scope, indexed), parameters)
    return in_order(meaning, rows, least=least)


@dataclass(frozen=True)
class Asked:
    """A text that suggestions are wanted for, read once for all of them. What it means may still be in the making, so
    that words are looked for first."""

    text: str
    words: Sequence[AskedWord]
    begun: Begun
    is_typed: bool = False

    async def meaning(self, reads: ReadSession) -> Meaning | None:
        return await awaited(reads, self.begun)

    @cached_property
    def worth(self) -> Mapping[str, float]:
        """Of the words that tell it from others."""
        return choose(self.words)

    async def searched_by(self, reads: ReadSession) -> dict[str, Any]:
        """The engines and the model, as an answer names them."""
        meaning = await self.meaning(reads)
        engines = [SearchEngine.FULL_TEXT] if meaning is None else list(SearchEngine)
        return {"engines": engines, "model": meaning.model if meaning is not None else None}


async def understand(reads: ReadSession, text: str, *, is_typed: bool = False) -> Asked:
    """One statement, and one more at first where there is a model. While somebody types, the beginning has to do: what
    a model takes of a processor grows with the text."""
    begun = await begin_meaning_of(reads, text[:TYPED_LENGTH] if is_typed else text)
    return Asked(text, await read_words(reads, text), begun, is_typed)


@dataclass(frozen=True, slots=True)
class Alike:
    """A similar ticket with its evidence: what both say, and how near their meanings are."""

    id: UUID
    score: float
    words: Sequence[str] = ()
    word_share: float | None = None
    similarity: float | None = None


async def find_tickets(
    reads: ReadSession,
    principal: Principal,
    asked: Asked,
    among: Among,
) -> list[Alike]:
    """By each engine, fused; the best first."""
    by_words = await alike_by_words(reads, principal, asked.worth, among)
    by_meaning = await alike_by_meaning(reads, principal, await asked.meaning(reads), among)
    return alike(by_words, by_meaning)


def alike(found_by_words: Sequence[AlikeByWords], by_meaning: Sequence[Near]) -> list[Alike]:
    """Fused; the best first."""
    by_words = {one.id: one for one in found_by_words}
    near = {one.id: one.similarity for one in by_meaning}
    return [
        Alike(
            id_,
            score,
            by_words[id_].words if id_ in by_words else (),
            by_words[id_].word_share if id_ in by_words else None,
            near.get(id_),
        )
        for id_, score in fuse([[(one, BY_WORDS) for one in by_words], [(one, BY_MEANING) for one in near]])
    ]
