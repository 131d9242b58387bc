"""The words of the corpus: which of them are forms of one another, and which are spelt much alike.

The index keeps words as they were written, whatever the language, so that writing a ticket costs nothing more. What a
search looks for is widened instead, by the forms that occur anywhere: `printers` finds `printer`, `Drucker` finds
`Druckern`. A form that nobody had used before is learnt within a minute or two; the word itself is found at once.

Forms are those of the languages that the desk writes in, as far as its tickets tell; of which of them a ticket is does
not matter, since people mix them. Widening shows nobody anything: what is found is still what the caller may read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Index,
    Integer,
    Text,
    any_,
    case,
    cast,
    false,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database import clock
from helpdesk_api.database.base import Base
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.statistics import Statistic
from helpdesk_api.database.text_search import parsed
from helpdesk_api.domains.tickets.models import SEARCH, Ticket

CONFIGURATION: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")
LEARN: Final = "search.learn_words"
BATCH: Final = 1_000
_BATCHES: Final = 10
# A transaction that began earlier may commit later; by then its rows are no longer passed by.
_SETTLED: Final = timedelta(seconds=20)
# By language, its stemmer and the shortest stem that counts: the Romance ones cut deep.
LANGUAGES: Final = {
    "en": ("english_stem", 3),
    "de": ("german_stem", 4),
    "es": ("spanish_stem", 5),
    "fr": ("french_stem", 5),
    "pt": ("portuguese_stem", 5),
}
MAX_FORMS: Final = 20
MAX_NEAR: Final = 10
# So many tickets whose language was detected tell which ones a desk writes in.
ENOUGH_DETECTED: Final = 200
_WRITTEN_SHARE: Final = 0.01


class SearchWord(Base):
    """A word as the index has it. `seen_count` is in about how many texts; `stems` carry their language."""

    __tablename__ = "search_words"

    word: Mapped[str] = mapped_column(primary_key=True)
    seen_count: Mapped[int] = mapped_column(Integer)
    stems: Mapped[list[str]] = mapped_column(ARRAY(Text))


# A minute's words come in one go, and each search would read through those that wait to be sorted in.
_AT_ONCE: Final = {"fastupdate": False}
Index(
    "ix_search_words_trigrams",
    SearchWord.word,
    postgresql_using="gin",
    postgresql_ops={"word": "gin_trgm_ops"},
    postgresql_with=_AT_ONCE,
)
Index("ix_search_words_stems", SearchWord.stems, postgresql_using="gin", postgresql_with=_AT_ONCE)


class SearchProgress(Base):
    """How far the words of one kind of text were learnt: ids arrive nearly in order of time."""

    __tablename__ = "search_progress"

    source: Mapped[str] = mapped_column(primary_key=True)
    reached: Mapped[UUID]


@dataclass(frozen=True)
class Texts:
    """A kind of text that is searched: its key, its ticket, its vector, when it came, and what of it is public."""

    name: str
    id: Any
    ticket_id: Any
    created_at: Any
    vector: Any
    is_public: ColumnElement[bool]
    merged_from_id: Any = None
    """Where it lay before that ticket was merged; None for what never moves."""


_OWN: Final = Texts("tickets", Ticket.id, Ticket.id, Ticket.created_at, SEARCH, true())
_texts: list[Texts] = [_OWN]


def register_texts(texts: Sequence[Texts]) -> None:
    """Called once by the process with `wiring.SEARCH_TEXTS`: what is searched besides the tickets themselves."""
    _texts[:] = [_OWN, *texts]


def searched_texts() -> Sequence[Texts]:
    """The tickets first."""
    return tuple(_texts)


def languages_of(counts: Mapping[str, int]) -> list[str]:
    """Of so many tickets by language: the ones whose word forms are worth looking for. All where too few tell; a share
    below one in a hundred is what a detector gets wrong."""
    total = sum(counts.values())
    written = [language for language in LANGUAGES if counts.get(language, 0) >= total * _WRITTEN_SHARE]
    return written if total >= ENOUGH_DETECTED and written else list(LANGUAGES)


_newest = select(Ticket.language).order_by(Ticket.id.desc()).limit(literal_column("2000")).subquery("newest")
_COUNTED: Final = CompiledStatement(
    select(_newest.c.language, func.count().label("count"))
    .where(_newest.c.language.is_not(None))
    .group_by(_newest.c.language)
)


async def _read_languages(reads: ReadSession) -> list[str]:
    return languages_of({row["language"]: row["count"] for row in await reads.fetch(_COUNTED)})


# The languages of this desk.
_languages: Final[Statistic[list[str]]] = Statistic(_read_languages, list(LANGUAGES))


async def languages_in_use(reads: ReadSession) -> list[str]:
    """No statement as a rule."""
    return await _languages.refresh(reads)


def stems_of(word: Any, languages: ColumnElement[Any] | None = None) -> ColumnElement[Any]:
    """Each with its language before it; words that a language does not count as such have none in it. Of these
    `languages`, or of all."""
    stems = []
    for language, (stemmer, shortest) in LANGUAGES.items():
        lexemes: ColumnElement[Any] = func.ts_lexize(literal_column(f"'{stemmer}'"), word, type_=ARRAY(Text))
        stem = lexemes[1]
        known = literal_column(f"'{language}:'", Text) + stem
        is_long: ColumnElement[bool] = func.length(stem) >= literal_column(str(shortest))
        if languages is not None:
            is_long = case((literal_column(f"'{language}'", Text) == any_(languages), is_long), else_=false())
        stems.append(case((is_long, known), else_=None))
    return func.array_remove(array(stems), None, type_=ARRAY(Text))


def forms_of(text: Any, languages: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON object: by each word of the text, the words of the corpus that share a stem with it in one of these
    languages, itself among them; each with in about how many texts it is."""
    lexemes = func.unnest(func.tsvector_to_array(func.to_tsvector(CONFIGURATION, parsed(text)))).table_valued(
        "word", name="asked_word"
    )
    asked = lexemes.render_derived()
    kin = (
        select(SearchWord.word, SearchWord.seen_count)
        .where(SearchWord.stems.bool_op("&&")(stems_of(asked.c.word, languages)))
        .order_by(SearchWord.seen_count.desc(), SearchWord.word)
        .limit(literal_column(str(MAX_FORMS)))
        .lateral("kin")
    )
    forms = func.json_object_agg(kin.c.word, kin.c.seen_count).label("forms")
    by_word = select(asked.c.word, forms).select_from(asked.join(kin, true()))
    found = by_word.group_by(asked.c.word).subquery("found")
    return select(func.json_object_agg(found.c.word, found.c.forms)).scalar_subquery()


def near_words(word: Any) -> ColumnElement[Any]:
    """A JSON object as `forms_of` has it: by the word itself, the words of the corpus that are spelt much like it. Null
    where there is no word, or none like it."""
    likeness = func.similarity(SearchWord.word, word)
    near = (
        select(SearchWord.word, SearchWord.seen_count)
        .where(SearchWord.word.bool_op("%")(word))
        .order_by(likeness.desc(), SearchWord.seen_count.desc(), SearchWord.word)
        .limit(literal_column(str(MAX_NEAR)))
        .subquery("near")
    )
    found = select(func.json_object_agg(near.c.word, near.c.seen_count)).scalar_subquery()
    return case((word.is_not(None) & found.is_not(None), func.json_build_object(word, found)), else_=None)


async def learn(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: the words of what came since the last time, of each kind of text at most ten thousand in one go."""
    del payload
    for texts in searched_texts():
        for _ in range(_BATCHES):
            if not await _learn_some(session, texts):
                break


async def _learn_some(session: AsyncSession, texts: Texts) -> bool:
    """Whether there may be more."""
    progress = await session.get(SearchProgress, texts.name, with_for_update=True)
    if progress is None:
        progress = SearchProgress(source=texts.name, reached=UUID(int=0))
        session.add(progress)
        await session.flush()
    batch = (
        select(texts.id.label("id"), texts.vector.label("vector"))
        .where(texts.id > progress.reached, texts.created_at <= clock.now() - _SETTLED)
        .order_by(texts.id)
        .limit(BATCH)
        .cte("batch")
    )
    counted = select(func.count(), func.max(cast(batch.c.id, Text))).select_from(batch)
    count, last = (await session.execute(counted)).one()
    if not count:
        return False
    await session.execute(_learning(batch))
    progress.reached = UUID(last)
    return bool(count == BATCH)


def _learning(batch: FromClause) -> Any:
    parts = func.unnest(batch.c.vector).table_valued("lexeme", "positions", "weights", name="part").lateral()
    counted = (
        select(parts.c.lexeme.label("word"), func.count().label("seen_count"), stems_of(parts.c.lexeme).label("stems"))
        .select_from(batch.join(parts, true()))
        # Words alone: no numbers, no names of machines, nothing that may be a secret.
        .where(parts.c.lexeme.regexp_match("^[[:alpha:]]{3,40}$"))
        .group_by(parts.c.lexeme)
        .order_by(parts.c.lexeme)
    )
    adding = insert(SearchWord).from_select(["word", "seen_count", "stems"], counted)
    return adding.on_conflict_do_update(
        index_elements=[SearchWord.word],
        set_={"seen_count": SearchWord.seen_count + adding.excluded.seen_count, "stems": adding.excluded.stems},
    )
