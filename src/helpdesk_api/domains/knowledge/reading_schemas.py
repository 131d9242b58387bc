"""Bodies about how an article is read."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ArticleId, UserId
from helpdesk_api.domains.knowledge.schemas import ArticleListed
from helpdesk_api.web.schemas import Flag, Instant, OptionalText, Page, RequestModel, ResponseModel


class ArticleFeedbackCreate(RequestModel):
    """A later answer of the same person replaces the earlier one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_helpful": False, "comment": "Step 2 is missing."}]})

    is_helpful: Flag
    comment: OptionalText | None = None


class ArticleFeedbackRead(ResponseModel):
    """What somebody made of an article."""

    model_config = ConfigDict(title="ArticleFeedback", from_attributes=True)

    article_id: ArticleId
    user_id: UserId
    is_helpful: bool
    comment: str | None = Field(max_length=500)
    number: int = Field(ge=1, description="The version that they had before them.")
    updated_at: Instant


class ArticleFeedbackPage(Page[ArticleFeedbackRead]):
    """What readers made of it, the latest first."""


class ArticleStatisticsRead(ResponseModel):
    """How an article is used."""

    model_config = ConfigDict(title="ArticleStatistics")

    article_id: ArticleId
    view_count: int = Field(ge=0, description="Without those who work on it; a few seconds behind.")
    helpful_count: int = Field(ge=0)
    not_helpful_count: int = Field(ge=0)
    ticket_count: int = Field(ge=0, description="Tickets that it resolved.")


class RelatedArticlePage(Page[ArticleListed]):
    """Articles that belong to this one, by title."""


class SearchMissRead(ResponseModel):
    """Words that were searched and not found."""

    model_config = ConfigDict(title="SearchMiss")

    words: str = Field(
        max_length=400, description="In the order of the alphabet; without addresses, numbers and names of people."
    )
    miss_count: int = Field(ge=1)
    last_missed_at: Instant


class SearchMissPage(Page[SearchMissRead]):
    """What was searched and not found, the most frequent first."""
