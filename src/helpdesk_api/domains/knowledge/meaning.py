"""Finding articles by what they mean, whatever language they are in."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.embeddings.engine import Meaning
from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.domains.embeddings.nearest import in_order, near_statement, parameters_of
from helpdesk_api.domains.embeddings.rules import fuse
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion
from helpdesk_api.domains.knowledge.queries import ArticleFilters, narrowed
from helpdesk_api.domains.knowledge.ranking import Hit

# Further away than this is another subject.
LEAST: Final = 0.35
# What has the words comes before what only means the same.
BY_WORDS, BY_MEANING = 1.0, 0.6
MAX_HITS: Final = 20
TEXT_LENGTH: Final = 500


def texts() -> AnySelect:
    """Of what is published: what it is about stands in its title, its summary and its first lines."""
    text = func.concat_ws(
        "\n", ArticleVersion.title, ArticleVersion.summary, func.left(ArticleVersion.body, TEXT_LENGTH)
    )
    shown = (ArticleVersion.article_id == Article.id, ArticleVersion.number == Article.published_number)
    return select(Article.id, text.label("text")).join(ArticleVersion, shown[0] & shown[1])


async def rank_by_meaning(
    reads: ReadSession, principal: Principal | None, meaning: Meaning, filters: ArticleFilters
) -> list[Hit]:
    """The nearest first, of each group of translations only that one; the score is a cosine. One statement."""
    readable = narrowed(principal, filters).add_columns(Article.language, Article.group_id)
    readable = readable.where(Article.published_number.is_not(None))
    rows = await reads.fetch(near_statement(EmbeddedKind.ARTICLE, readable), parameters_of(meaning))
    facts = {row["id"]: row for row in rows}
    groups: set[object] = set()
    hits = []
    for near in in_order(meaning, rows, least=LEAST):
        row = facts[near.id]
        if row["group_id"] not in groups:
            groups.add(row["group_id"])
            hits.append(Hit(near.id, ArticleLanguage(row["language"]), near.similarity))
    return hits[:MAX_HITS]


def fused(by_words: Sequence[Hit], by_meaning: Sequence[Hit]) -> list[Hit]:
    """With the fused score; as they are where there is nothing to fuse."""
    if not by_meaning:
        return list(by_words)
    hits = {hit.id: hit for hit in (*by_meaning, *by_words)}
    rankings = [(BY_WORDS, [hit.id for hit in by_words]), (BY_MEANING, [hit.id for hit in by_meaning])]
    return [Hit(id_, hits[id_].language, score) for id_, score in fuse(rankings)]
