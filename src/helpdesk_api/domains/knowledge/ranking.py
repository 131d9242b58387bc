"""Finding articles by words: each in its own language, ranked as BM25 does, over what the caller may read.

An article that has one of the words is found, and one that has the rare ones comes first; titles weigh more than
summaries and tags, and those more than the text. Quotes and `-` are taken by the letter.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.text_search import quoted, readable
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.languages import CONFIGURATIONS, searchable
from helpdesk_api.domains.knowledge.models import SEARCH, Article
from helpdesk_api.domains.knowledge.queries import ArticleFilters, narrowed

MAX_CANDIDATES: Final = 400
# BM25's own: how soon more of a word adds little, and how much a long text loses.
_K1, _B = 2.0, 0.75
_STRICT: Final = 1.25
EXACT: Final = re.compile(r'"|(^|\s)-\w')
_QUOTED = r"'''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''''"


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found; the score is comparable within one answer.

    `fit` is what share of the question's words the best article of its language has: little in a foreign one.
    """

    id: UUID
    language: ArticleLanguage
    score: float
    fit: float = 1.0


def asked_words(text: str, languages: Sequence[str] | None = None) -> list[str]:
    """The text for each of these languages, or of all: what `asked_in_each_language` wants of it."""
    text = readable(text)
    return [searchable(language, text) for language in _wanted(languages)]


def _wanted(languages: Sequence[str] | None) -> list[ArticleLanguage]:
    return [language for language in ArticleLanguage if languages is None or language.value in languages]


def asked_in_each_language(text: str | None, languages: Sequence[str] | None = None, *, among: Any = None) -> Any:
    """A row for each language: its lexemes, the query that any of them meets, and the one by the letter.

    Without a text, for a statement that is made once: its words come as `asked_words`. `among` has a row for each
    `language` that there is anything in: reading a text in another costs more than all the rest.
    """
    wanted = _wanted(languages)
    words_asked: ColumnElement[Any] = (
        bindparam("asked_words", type_=ARRAY(Text))
        if text is None
        else literal(asked_words(text, languages), ARRAY(Text))
    )
    given = (
        func.unnest(
            literal([language.value for language in wanted], ARRAY(Text)),
            literal([CONFIGURATIONS[language] for language in wanted], ARRAY(Text)),
            words_asked,
        )
        .table_valued("language", "configuration", "words")
        .render_derived()
    )
    words = cast(given.c.words, Text)
    configuration: ColumnElement[Any] = literal_column("configuration::regconfig")
    lexemes = func.tsvector_to_array(func.to_tsvector(configuration, words))
    source = given if among is None else given.join(among, cast(among.c.language, Text) == given.c.language)
    read = (
        select(
            given.c.language,
            lexemes.label("lexemes"),
            func.websearch_to_tsquery(configuration, words, type_=TSQUERY).label("strict"),
        )
        .select_from(source)
        .cte("given")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    lexeme = func.unnest(read.c.lexemes).table_valued("lexeme").render_derived()
    loose = (
        select(cast(func.string_agg(literal_column(_QUOTED), literal_column("' | '")), TSQUERY))
        .select_from(lexeme)
        .scalar_subquery()
    )
    asked = select(read.c.language, read.c.lexemes, read.c.strict, loose.label("loose")).cte("asked")
    # Else `loose` would be put together for each article anew.
    return asked.prefix_with("MATERIALIZED", dialect="postgresql")


def configurations() -> ColumnElement[Any]:
    """Of an article's row: the configuration of its language."""
    by_language: dict[str, ColumnElement[Any]] = {
        language.value: literal_column(f"'{name}'::regconfig") for language, name in CONFIGURATIONS.items()
    }
    return case(by_language, value=cast(Article.language, Text), else_=literal_column("'simple'::regconfig"))


async def rank(
    reads: ReadSession,
    principal: Principal | None,
    text: str,
    filters: ArticleFilters,
    *,
    limit: int = MAX_CANDIDATES,
    candidates: int = MAX_CANDIDATES,
) -> list[Hit]:
    """The best first; one statement. Of the `candidates` alone, which are chosen coarsely, the words are counted."""
    text = readable(text)
    is_exact = EXACT.search(text) is not None
    if principal is not None and filters in _USUAL:
        statement = _usual(policy.shape_of(principal), filters.is_published, is_exact=is_exact)
        parameters = policy.reader_parameters(principal) | {
            "asked_words": asked_words(text),
            "candidates": candidates,
        }
        rows = await reads.fetch(statement, parameters)
    else:
        rows = await reads.fetch(_candidates(principal, text, filters, is_exact=is_exact), {"candidates": candidates})
    return _best_first(rows)[:limit]


# What most ask, and what is asked while somebody types; making the statement costs more than many an answer.
_USUAL: Final = (ArticleFilters(), ArticleFilters(is_published=True))


@lru_cache(maxsize=16)
def _usual(shape: policy.ReaderShape, is_published: bool | None, *, is_exact: bool) -> CompiledStatement:  # noqa: FBT001
    filters = ArticleFilters(is_published=is_published)
    return CompiledStatement(_candidates(shape, None, filters, is_exact=is_exact))


def _found(reader: policy.Reader | None, asked: Any, filters: ArticleFilters, *, is_exact: bool) -> Any:
    """The candidates: what has one of the words, or what the question says by the letter."""
    met: ColumnElement[bool] = SEARCH.op("@@")(asked.c.loose)
    if is_exact:
        met = and_(met, SEARCH.op("@@")(asked.c.strict))
    return (
        narrowed(reader, filters)
        .add_columns(
            Article.language,
            SEARCH,
            asked.c.lexemes,
            func.length(SEARCH).label("size"),
            SEARCH.op("@@")(asked.c.strict).label("is_strict"),
        )
        .where(asked.c.language == cast(Article.language, Text), met)
        .order_by(func.ts_rank(SEARCH, asked.c.loose).desc(), Article.id)
        .limit(bindparam("candidates", type_=Integer))
        .cte("found")
    )


def _candidates(reader: policy.Reader | None, text: str | None, filters: ArticleFilters, *, is_exact: bool) -> Any:
    """The candidates, each with its words as PostgreSQL writes them, and how many articles its language has."""
    sight = policy.public() if reader is None else policy.readable(reader)
    sizes = (
        select(Article.language, func.count().label("articles")).where(sight).group_by(Article.language).cte("sizes")
    )
    asked = asked_in_each_language(text, filters.language, among=sizes)
    found = _found(reader, asked, filters, is_exact=is_exact)
    columns = (found.c.id, found.c.language, found.c.size, found.c.is_strict, found.c.lexemes)
    # Taking a vector apart in a statement costs several times what writing it down does.
    vector = cast(found.c.search, Text).label("vector")
    return select(*columns, vector, sizes.c.articles).join(sizes, sizes.c.language == found.c.language)


def _best_first(rows: Sequence[Any]) -> list[Hit]:
    """By BM25 over the candidates. What has all that was asked for, by the letter, counts a quarter more."""
    each = [(row, occurrences(row["vector"], row["lexemes"])) for row in rows]
    having = Counter((row["language"], lexeme) for row, often in each for lexeme in often)
    mean = max(sum(row["size"] for row in rows) / len(rows), 1.0) if rows else 1.0
    fits: dict[str, float] = {}
    for row, often in each:
        fits[row["language"]] = max(fits.get(row["language"], 0.0), len(often) / max(len(row["lexemes"]), 1))
    hits = []
    for row, often in each:
        language, articles = row["language"], row["articles"]
        long = _K1 * (1 - _B + _B * row["size"] / mean)
        worth = _STRICT if row["is_strict"] else 1.0
        worth *= sum(
            log(1 + (articles - having[language, lexeme] + 0.5) / (having[language, lexeme] + 0.5))
            * (count * (_K1 + 1) / (count + long))
            for lexeme, count in often.items()
        )
        # How well the question's words fit the language at all: in a foreign one even `the` is rare, and met by chance.
        fit = fits[language]
        hits.append(Hit(row["id"], ArticleLanguage(language), worth * fit * fit, fit))
    hits.sort(key=lambda hit: (-hit.score, hit.id.int))
    return hits


def occurrences(vector: str, lexemes: Sequence[str]) -> dict[str, int]:
    """Of a vector as PostgreSQL writes it, `'vpn':1A,7 'drop':2B`: how often each of these stands there, more in title,
    summary and tags than in the text."""
    found = {}
    vector = " " + vector
    for lexeme in lexemes:
        sought = f" {quoted(lexeme)}:"
        if (start := vector.find(sought)) >= 0:
            end = vector.find(" ", start + len(sought))
            places = vector[start + len(sought) : end if end >= 0 else None]
            found[lexeme] = 1 + places.count(",") + 2 * places.count("A") + places.count("B") + places.count("C")
    return found
