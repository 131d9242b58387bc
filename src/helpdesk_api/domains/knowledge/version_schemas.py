"""Answers about an article's versions and translations."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ArticleId, UserId
from helpdesk_api.domains.knowledge.schemas import MAX_TAGS, ArticleListed
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel


class ArticleVersionSummary(ResponseModel):
    """One version of an article, without its text."""

    article_id: ArticleId
    number: int = Field(ge=1)
    title: str = Field(max_length=200)
    source_number: int | None = Field(ge=1, description="The original's version that was translated.")
    restored_from: int | None = Field(ge=1, description="The version whose text it took up again.")
    is_published: bool = Field(description="It is what readers see.")
    created_by_id: UserId
    created_at: Instant


class ArticleVersionRead(ArticleVersionSummary):
    """One version of an article; it never changes."""

    model_config = ConfigDict(title="ArticleVersion")

    summary: str | None = Field(max_length=500)
    tags: list[str] = Field(max_length=MAX_TAGS)
    body: str = Field(max_length=65_536)
    body_html: str = Field(max_length=1_000_000)


class ArticleVersionPage(Page[ArticleVersionSummary]):
    """Versions, newest first."""


class ArticleDiff(ResponseModel):
    """How two versions differ."""

    from_number: int = Field(ge=1)
    to_number: int = Field(ge=1)
    diff: str = Field(
        max_length=400_000, description="Unified diff of title, summary, tags and body; empty where nothing differs."
    )


class ArticleVersionRestore(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ArticleTranslationPage(Page[ArticleListed]):
    """The original and its translations, by language."""
