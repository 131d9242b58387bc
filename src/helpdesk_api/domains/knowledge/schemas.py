"""Bodies of the article operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import ArticleCategoryId, ArticleId, TeamId, UserId
from helpdesk_api.domains.embeddings.enums import SearchEngine
from helpdesk_api.domains.knowledge.enums import (
    ArticleAction,
    ArticleAudience,
    ArticleLanguage,
    ArticleRefusal,
    ArticleStatus,
)
from helpdesk_api.domains.knowledge.rules import REVIEW_INTERVAL_DAYS
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    ExternalText,
    Instant,
    LongText,
    Page,
    RequestInstant,
    RequestModel,
    ResponseModel,
    ShortText,
    Tag,
    absent,
)

MAX_TAGS = 20
MAX_HIGHLIGHT = 2_000
Summary = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]
TeamIds = Annotated[list[TeamId], Field(max_length=50, description="For the audience `teams`.")]
VersionNumber = Annotated[int, Field(ge=1, le=1_000_000), WHOLE_NUMBER]
ReviewInterval = Annotated[
    int, Field(ge=1, le=3_650, description="From publishing or a review to the next."), WHOLE_NUMBER
]
_BODY = "CommonMark with tables; raw HTML is shown as text."


class ArticleCreate(RequestModel):
    """A draft; it is seen by whoever works on it until it is published."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Connect to the VPN from home",
                    "summary": "Install the client, sign in with your e-mail address, confirm on your phone.",
                    "body": "1. Open the software centre.\n2. Install **Company VPN**.",
                    "language": "en",
                    "audience": "requesters",
                    "tags": ["vpn"],
                }
            ]
        }
    )

    title: ShortText
    body: LongText = Field(description=_BODY)
    language: ArticleLanguage
    summary: Summary | None = None
    tags: Tags | None = None
    category_id: ArticleCategoryId | None = None
    audience: ArticleAudience | None = Field(
        default=None, description="`agents` when left out; of a translation, the original's."
    )
    team_ids: TeamIds | None = None
    owner_id: UserId | None = Field(default=None, description="Of the staff; the caller when left out.")
    translation_of_id: ArticleId | None = Field(default=None, description="The original that this translates.")
    source_number: VersionNumber | None = Field(
        default=None, description="The original's version that was translated; its published one when left out."
    )
    review_interval_days: ReviewInterval | None = Field(
        default=None, description=f"{REVIEW_INTERVAL_DAYS}, a quarter, when left out."
    )
    external_source: ExternalText | None = None
    external_id: ExternalText | None = None


class ArticleUpdate(RequestModel):
    """JSON merge patch (RFC 7396). What it says becomes a new version in draft; the rest holds at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Connect to the VPN", "tags": ["vpn", "home"]}]}
    )

    title: ShortText = absent()
    body: LongText = absent()
    summary: Summary | None = absent()
    tags: Tags = absent()
    source_number: VersionNumber = absent()
    language: ArticleLanguage = absent()
    category_id: ArticleCategoryId | None = absent()
    audience: ArticleAudience = absent()
    team_ids: TeamIds = absent()
    owner_id: UserId = absent()
    review_interval_days: ReviewInterval = absent()


class ArticleSubmit(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ArticlePublish(RequestModel):
    """At once, or when the instant has come."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"publish_at": "2027-03-02T08:00:00Z"}]})

    publish_at: RequestInstant | None = Field(default=None, description="Later than now; at once when left out.")


class ArticleReject(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Step 2 is out of date."}]})

    reason: ShortText


class ArticleArchive(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ArticleRestore(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ArticleReview(RequestModel):
    """It still holds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ArticleAllowedAction(ResponseModel):
    """One thing that the caller may or may not do now, and why not."""

    action: ArticleAction
    allowed: bool
    reason_code: ArticleRefusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


class ArticleSummary(ResponseModel):
    """An article without its text, as its reader may see it: what is internal is null for requesters."""

    id: ArticleId
    number: int = Field(ge=1, description="The version that is shown.")
    title: str = Field(max_length=200)
    summary: str | None = Field(max_length=500)
    tags: list[str] = Field(max_length=MAX_TAGS)
    category_id: ArticleCategoryId | None
    language: ArticleLanguage
    audience: ArticleAudience
    team_ids: list[TeamId] = Field(max_length=50)
    status: ArticleStatus = Field(description="Of the newest version; for requesters always `published`.")
    translation_of_id: ArticleId | None = Field(description="The original, if the caller may read it.")
    is_outdated: bool = Field(description="A translation whose original has moved on.")
    published_at: Instant | None = Field(description="Of the version that readers see.")
    author_id: UserId | None = Field(description="Staff only.")
    owner_id: UserId | None = Field(description="Staff only.")
    latest_number: int | None = Field(ge=1, description="Staff only: the version that authors work on.")
    published_number: int | None = Field(ge=1, description="Staff only: the version that readers see.")
    source_number: int | None = Field(ge=1, description="Staff only: the original's version that was translated.")
    publish_at: Instant | None = Field(description="Staff only: when it will be published.")
    review_interval_days: int | None = Field(ge=1, le=3_650, description="Staff only.")
    review_at: Instant | None = Field(description="Staff only: when somebody has to look at it again.")
    reviewed_at: Instant | None = Field(description="Staff only.")
    external_source: str | None = Field(max_length=120)
    external_id: str | None = Field(max_length=120)
    created_at: Instant
    updated_at: Instant = Field(description="For requesters, of the last change that they can see.")


class ArticleRead(ArticleSummary):
    """An article with its text."""

    model_config = ConfigDict(title="Article")

    body: str = Field(max_length=65_536)
    body_html: str = Field(max_length=1_000_000)
    allowed_actions: list[ArticleAllowedAction] = Field(max_length=20)


class ArticleListed(ArticleSummary):
    """A row of the list; the last two only in a search."""

    highlight: str | None = Field(
        max_length=MAX_HIGHLIGHT,
        description="Where it was found, as HTML: text with `<mark>` round the words that match.",
    )
    score: float | None = Field(ge=0, description="Higher is better; comparable within one answer.")


class ArticlePage(Page[ArticleListed]):
    """Articles; with `q` the best first. By its words a question finds 400 at most: `total_is_exact` is false then, and
    more words or a filter find the others."""

    suggestion: str | None = Field(max_length=400, description="Did you mean this? Null when all words are known.")
    is_corrected: bool = Field(description="Nothing was found for `q`: these are the suggestion's.")
    engines: list[SearchEngine] = Field(
        max_length=5, description="What was searched by; empty without `q`, and without `embeddings` by words alone."
    )
