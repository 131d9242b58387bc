"""Finding articles by what they mean, whatever language they are in."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import and_, func, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession, Statement
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.embeddings.engine import Meaning
from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.domains.embeddings.nearest import in_order, near_statement, parameters_of
from helpdesk_api.domains.embeddings.rules import fuse
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion
from helpdesk_api.domains.knowledge.queries import ArticleFilters, narrowed
from helpdesk_api.domains.knowledge.ranking import Hit

# Further away than this is another subject.
LEAST: Final = 0.25
# Chosen on one half of the articles of tests/quality: words count by how well they fit the language at all, meaning by
# how near it is, from not at all to fully.
BY_MEANING, _NOT_AT_ALL, _FULLY = 0.5, 0.2, 0.5
MAX_HITS: Final = 20
TEXT_LENGTH: Final = 500


def texts(languages: Collection[str] | None) -> AnySelect:
    """Of what is published: what it is about stands in its title, its summary and its first lines."""
    text = func.concat_ws(
        "\n", ArticleVersion.title, ArticleVersion.summary, func.left(ArticleVersion.body, TEXT_LENGTH)
    )
    shown = and_(ArticleVersion.article_id == Article.id, ArticleVersion.number == Article.published_number)
    statement = select(Article.id, text.label("text")).join(ArticleVersion, shown)
    if languages is None:
        return statement
    known = [language for language in ArticleLanguage if language.value.partition("-")[0] in languages]
    return statement.where(Article.language.in_(known))


async def rank_by_meaning(
    reads: ReadSession,
    principal: Principal | None,
    meaning: Meaning,
    filters: ArticleFilters,
    *,
    is_quick: bool = False,
) -> list[Hit]:
    """The nearest first, of each group of translations only that one; the score is a cosine. One statement."""
    parameters = parameters_of(meaning, is_quick=is_quick)
    if principal is not None and filters in _USUAL:
        statement: Statement = _usual(policy.shape_of(principal))
        parameters |= policy.reader_parameters(principal)
    else:
        statement = _near(principal, filters)
    return hits_of(meaning, await reads.fetch(statement, parameters))


def hits_of(meaning: Meaning, rows: Sequence[Any]) -> list[Hit]:
    """Of the rows of `near_published`, as `rank_by_meaning` has them."""
    facts = {row["id"]: row for row in rows}
    groups: set[object] = set()
    hits = []
    for near in in_order(meaning, rows, least=LEAST):
        row = facts[near.id]
        if row["group_id"] not in groups:
            groups.add(row["group_id"])
            hits.append(Hit(near.id, ArticleLanguage(row["language"]), near.similarity))
    return hits[:MAX_HITS]


# Only what is published has a vector.
_USUAL: Final = (ArticleFilters(), ArticleFilters(is_published=True))


def near_published(shape: policy.ReaderShape) -> AnySelect:
    """What a reader of this shape finds; its columns are `id`, `language`, `group_id`, `vector` and `norm`."""
    return _near(shape, ArticleFilters())


@lru_cache(maxsize=8)
def _usual(shape: policy.ReaderShape) -> CompiledStatement:
    return CompiledStatement(near_published(shape))


def _near(reader: policy.Reader | None, filters: ArticleFilters) -> AnySelect:
    readable = narrowed(reader, filters).add_columns(Article.language, Article.group_id)
    return near_statement(EmbeddedKind.ARTICLE, readable.where(Article.published_number.is_not(None)))


def fused(by_words: Sequence[Hit], by_meaning: Sequence[Hit]) -> list[Hit]:
    """With the fused score; as they are where there is nothing to fuse."""
    if not by_meaning:
        return list(by_words)
    hits = {hit.id: hit for hit in (*by_meaning, *by_words)}
    words = [(hit.id, hit.fit) for hit in by_words]
    meaning = [(hit.id, BY_MEANING * _confidence(hit.score)) for hit in by_meaning]
    return [Hit(id_, hits[id_].language, score) for id_, score in fuse([words, meaning])]


def _confidence(similarity: float) -> float:
    return min(1.0, max(0.0, (similarity - _NOT_AT_ALL) / (_FULLY - _NOT_AT_ALL)))
