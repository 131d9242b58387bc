"""Articles that may answer a text, of what is published for the caller."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.embeddings.engine import Meaning
from helpdesk_api.domains.embeddings.rules import fuse
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.languages import words_of
from helpdesk_api.domains.knowledge.meaning import fused, rank_by_meaning
from helpdesk_api.domains.knowledge.models import Article, ArticleWord
from helpdesk_api.domains.knowledge.queries import ArticleFilters, select_articles
from helpdesk_api.domains.knowledge.ranking import Hit, configurations, rank
from helpdesk_api.domains.tickets.policy import IDS

MAX_ARTICLES: Final = 50
# A search has few words; of a report, its beginning says what it is about.
TEXT_LENGTH: Final = 300
_KEPT: Final = ("title", "summary", "language")
_LETTERED: Final = re.compile(r'["”“]|(?<!\S)-')


async def find_articles(
    reads: ReadSession, principal: Principal, text: str, meaning: Meaning | None
) -> tuple[list[Hit], dict[UUID, float]]:
    """The best first, and the cosines of those that are near in meaning. One statement by each engine."""
    # What somebody writes is no question: quotes and dashes ask for nothing.
    asked = _LETTERED.sub(" ", text[:TEXT_LENGTH])
    published = ArticleFilters(is_published=True)
    by_words = await rank(reads, principal, asked, published, limit=MAX_ARTICLES)
    near = await rank_by_meaning(reads, principal, meaning, published) if meaning is not None else []
    if near:
        return fused(by_words, near), {hit.id: hit.score for hit in near}
    hits = {hit.id: hit for hit in by_words}
    return [Hit(id_, hits[id_].language, score) for id_, score in fuse([[(id_, hits[id_].fit) for id_ in hits]])], {}


@lru_cache(maxsize=8)
def _shown(shape: policy.ReaderShape) -> CompiledStatement:
    statement = select_articles(shape, with_text=False).where(Article.id == any_(bindparam("ids", type_=IDS)))
    kept = {column.key: column for column in statement.selected_columns}
    return CompiledStatement(statement.with_only_columns(*(kept[name] for name in ("id", *_KEPT))))


async def show_articles(reads: ReadSession, principal: Principal, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """As they are suggested, without score and evidence. One statement, or none."""
    if not hits:
        return []
    parameters = policy.reader_parameters(principal) | {"ids": [hit.id for hit in hits]}
    rows = {row["id"]: row for row in await reads.fetch(_shown(policy.shape_of(principal)), parameters)}
    found = [rows[hit.id] for hit in hits if hit.id in rows]
    return [{"article_id": row["id"], **{name: row[name] for name in _KEPT}} for row in found]


def _words_statement() -> CompiledStatement:
    word = ArticleWord.word
    # Of what the language holds for a word at all: `the` is none.
    lexemes = func.to_tsvector(configurations(), word)
    return CompiledStatement(
        select(ArticleWord.article_id, word)
        .join(Article, Article.id == ArticleWord.article_id)
        .where(
            ArticleWord.article_id == any_(bindparam("ids", type_=IDS)),
            word == any_(cast(bindparam("words", type_=ARRAY(Text)), ARRAY(Text))),
            func.length(lexemes) > literal_column("0"),
        )
        .order_by(word)
    )


_WORDS: Final = _words_statement()


async def common_words(reads: ReadSession, ids: Sequence[UUID], text: str) -> Mapping[UUID, list[str]]:
    """What each of these articles, which the caller was shown, has in common with a text. One statement, or none."""
    asked = words_of([text[:TEXT_LENGTH]])
    found: dict[UUID, list[str]] = {}
    if not ids or not asked:
        return found
    for row in await reads.fetch(_WORDS, {"ids": list(ids), "words": asked}):
        found.setdefault(row["article_id"], []).append(row["word"])
    return found
