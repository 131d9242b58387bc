"""What is stored of an article for searching: weighted words in its language, and the words as written."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, delete, func, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.languages import CONFIGURATIONS, searchable, words_of
from helpdesk_api.domains.knowledge.models import SEARCH, Article, ArticleVersion, ArticleWord


def configuration(language: ArticleLanguage) -> ColumnElement[Any]:
    return literal_column(f"'{CONFIGURATIONS[language]}'::regconfig")


def search_vector(language: ArticleLanguage, version: ArticleVersion) -> ColumnElement[Any]:
    """Title above summary above tags above body."""
    parts = {"A": version.title, "B": version.summary or "", "C": " ".join(version.tags), "D": version.body}
    vectors = [
        func.setweight(func.to_tsvector(configuration(language), searchable(language, text)), literal_column(f"'{w}'"))
        for w, text in parts.items()
    ]
    joined: ColumnElement[Any] = vectors[0]
    for vector in vectors[1:]:
        joined = joined.op("||")(vector)
    return joined


async def keep_searchable(session: AsyncSession, article: Article, version: ArticleVersion) -> None:
    """Of the version that is shown; both are flushed. Words are kept of what is published alone."""
    await session.execute(
        update(Article.__table__)  # type: ignore[arg-type]
        .where(Article.id == article.id)
        .values({SEARCH: search_vector(article.language, version)})
    )
    await session.execute(delete(ArticleWord).where(ArticleWord.article_id == article.id))
    if article.published_number is None:
        return
    words = words_of([version.title, version.summary or "", *version.tags, version.body])
    listed = func.unnest(literal(words, ARRAY(Text)))
    await session.execute(insert(ArticleWord).from_select(["word", "article_id"], select(listed, literal(article.id))))
