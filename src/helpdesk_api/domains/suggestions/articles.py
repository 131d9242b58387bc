"""Articles that may answer a text, of what is published for the caller."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, any_, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.embeddings.rules import fuse
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.languages import words_of
from helpdesk_api.domains.knowledge.meaning import fused, rank_by_meaning
from helpdesk_api.domains.knowledge.models import Article, ArticleWord
from helpdesk_api.domains.knowledge.queries import ArticleFilters, select_articles
from helpdesk_api.domains.knowledge.ranking import Hit, configurations, rank
from helpdesk_api.domains.suggestions.rules import most_telling
from helpdesk_api.domains.suggestions.similar import Asked
from helpdesk_api.domains.tickets.policy import IDS

MAX_ARTICLES: Final = 50
# Many words are asked for, and any of them will do: counting them all in hundreds of articles would keep who types.
CANDIDATES: Final = 25
MOST_TELLING: Final = 8
# A search has few words; of a report, its beginning says what it is about.
TEXT_LENGTH: Final = 300
_PUBLISHED: Final = ArticleFilters(is_published=True)
_KEPT: Final = ("title", "summary", "language")
_LETTERED: Final = re.compile(r'["”“]|(?<!\S)-')


async def articles_by_words(reads: ReadSession, principal: Principal, asked_for: Asked) -> list[Hit]:
    """The best first. One statement."""
    # What somebody writes is no question: quotes and dashes ask for nothing.
    asked = _LETTERED.sub(" ", asked_for.text[:TEXT_LENGTH])
    if len(asked_for.words) > MOST_TELLING:
        asked = " ".join(most_telling(asked_for.words, MOST_TELLING))
    return await rank(reads, principal, asked, _PUBLISHED, limit=MAX_ARTICLES, candidates=CANDIDATES)


async def near_articles(reads: ReadSession, principal: Principal, asked: Asked) -> list[Hit]:
    """The nearest first. One statement, or none without a model."""
    meaning = await asked.meaning(reads)
    if meaning is None:
        return []
    return await rank_by_meaning(reads, principal, meaning, _PUBLISHED, is_quick=True)


def with_meaning(by_words: Sequence[Hit], near: Sequence[Hit]) -> list[Hit]:
    """The best first."""
    if near:
        return fused(by_words, near)
    hits = {hit.id: hit for hit in by_words}
    return [Hit(id_, hits[id_].language, score) for id_, score in fuse([[(id_, hits[id_].fit) for id_ in hits]])]


def _common_words() -> Any:
    """What an article has in common with a text: of what its language holds for a word at all, `the` is none."""
    word = ArticleWord.word
    lexemes = func.to_tsvector(configurations(), word)
    return (
        select(func.array_agg(aggregate_order_by(word, word)))
        .where(
            ArticleWord.article_id == Article.id,
            word == any_(cast(bindparam("words", type_=ARRAY(Text)), ARRAY(Text))),
            func.length(lexemes) > literal_column("0"),
        )
        .correlate(Article)
        .scalar_subquery()
    )


def select_shown(shape: policy.ReaderShape) -> AnySelect:
    """Of `ids`, as they are suggested, each with what it has of `words`; `shown_parameters` has their values."""
    statement = select_articles(shape, with_text=False).where(Article.id == any_(bindparam("ids", type_=IDS)))
    kept = {column.key: column for column in statement.selected_columns}
    columns = [kept[name] for name in ("id", *_KEPT)]
    return statement.with_only_columns(*columns, _common_words().label("words"))


def shown_parameters(principal: Principal, hits: Sequence[Hit], text: str) -> dict[str, Any]:
    asked = {"ids": [hit.id for hit in hits], "words": words_of([text[:TEXT_LENGTH]])}
    return policy.reader_parameters(principal) | asked


@lru_cache(maxsize=8)
def _shown(shape: policy.ReaderShape) -> CompiledStatement:
    return CompiledStatement(select_shown(shape))


async def show_articles(
    reads: ReadSession, principal: Principal, hits: Sequence[Hit], text: str
) -> list[tuple[dict[str, Any], list[str]]]:
    """As they are suggested, without score and evidence, each with the words that it has in common with the text. One
    statement, or none."""
    if not hits:
        return []
    rows = await reads.fetch(_shown(policy.shape_of(principal)), shown_parameters(principal, hits, text))
    return in_order_of(hits, rows)


def in_order_of(hits: Sequence[Hit], rows: Iterable[Any]) -> list[tuple[dict[str, Any], list[str]]]:
    """Of the rows of `select_shown`, as `show_articles` has them."""
    by_id = {row["id"]: row for row in rows}
    found = [by_id[hit.id] for hit in hits if hit.id in by_id]
    return [
        ({"article_id": row["id"], **{name: row[name] for name in _KEPT}}, list(row["words"] or ())) for row in found
    ]
