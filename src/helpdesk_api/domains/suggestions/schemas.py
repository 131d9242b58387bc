"""Bodies of the suggestion operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import ArticleId, SuggestionId, TicketId
from helpdesk_api.domains.embeddings.enums import SearchEngine
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.tickets.enums import ResolutionCode, TicketStatus
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.web.schemas import Instant, LongText, RequestModel, ResponseModel, ShortText

EvidenceWord = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]+$")]
MAX_SHOWN = 20


class SuggestionCreate(RequestModel):
    """What somebody has typed so far."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subject": "VPN drops", "description": "Every five minutes, since Monday."}]}
    )

    subject: ShortText
    description: LongText | None = Field(default=None, description="Its first 4,000 characters are looked at.")
    suggestion_id: SuggestionId | None = Field(
        default=None, description="Of an earlier answer about the same text: both count as one."
    )


class SuggestionEvidence(ResponseModel):
    """Why it is suggested."""

    words: list[EvidenceWord] = Field(max_length=MAX_SHOWN, description="What both texts say, the rarest word first.")
    word_share: float | None = Field(
        ge=0, le=1, description="How much of what was asked it says, by the worth of the words; null for other engines."
    )
    similarity: float | None = Field(
        ge=-1, le=1, description="Of meaning: the cosine of both texts' embeddings; null for other engines."
    )


class SimilarTicket(ResponseModel):
    """A ticket that the caller may read, with what is public of it."""

    ticket_id: TicketId
    reference: str = Field(max_length=24)
    subject: str = Field(max_length=200)
    status: TicketStatus
    created_at: Instant
    resolved_at: Instant | None
    resolution_code: ResolutionCode | None
    resolution_text: str | None = Field(max_length=2_000, description="Its beginning.")
    score: float = Field(ge=0, le=1, description="1 for what leads by every engine; comparable within one list.")
    evidence: SuggestionEvidence


class SuggestedArticle(ResponseModel):
    """A published article that the caller may read."""

    article_id: ArticleId
    title: str = Field(max_length=200)
    summary: str | None = Field(max_length=500)
    language: ArticleLanguage
    score: float = Field(ge=0, le=1, description="1 for what leads by every engine; comparable within one list.")
    evidence: SuggestionEvidence


class ProbableIncident(ResponseModel):
    """Many tickets like this one within an hour: probably one disturbance, of which each is a report."""

    ticket_count: int = Field(ge=1, le=500, description="With this one; of those that the caller may read.")
    requester_count: int = Field(ge=1, le=500)
    since: Instant
    until: Instant
    words: list[EvidenceWord] = Field(max_length=MAX_SHOWN, description="What most of them say.")
    ticket_ids: list[TicketId] = Field(max_length=50, description="The others, the earliest first.")


class _Answer(ResponseModel):
    engines: list[SearchEngine] = Field(
        max_length=5, description="What answered; without `embeddings` only words were compared."
    )
    model: str | None = Field(
        max_length=120, description="The model of the embeddings with its version; null without them."
    )


class SuggestionRead(_Answer):
    """What may help, so that no ticket is needed."""

    model_config = ConfigDict(title="Suggestion")

    id: SuggestionId
    articles: list[SuggestedArticle] = Field(max_length=MAX_SHOWN)
    tickets: list[SimilarTicket] = Field(max_length=MAX_SHOWN, description="The caller's own.")


class TicketSuggestions(_Answer):
    """What may help with a ticket, as far as the caller may read it."""

    ticket_id: TicketId
    similar: list[SimilarTicket] = Field(max_length=MAX_SHOWN, description="Resolved ones, with their resolutions.")
    articles: list[SuggestedArticle] = Field(max_length=MAX_SHOWN)
    duplicates: list[SimilarTicket] = Field(
        max_length=MAX_SHOWN, description="Active ones about the very same, opened within 30 days of this one."
    )
    incident: ProbableIncident | None


class SuggestionOutcomeCreate(RequestModel):
    """They stopped, or went on to open a ticket. The last one counts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "deflected"}]})

    outcome: SuggestionOutcome
    article_id: ArticleId | None = Field(default=None, description="The suggested article that helped.")
    ticket_id: TicketKeyText | None = Field(
        default=None, description="The ticket that was opened after all; not with `deflected`."
    )


class SuggestionResultRead(ResponseModel):
    """How it ended."""

    model_config = ConfigDict(title="SuggestionResult")

    id: SuggestionId
    outcome: SuggestionOutcome
    article_id: ArticleId | None
    ticket_id: TicketId | None
    created_at: Instant
    ended_at: Instant


class SuggestedArticleCount(ResponseModel):
    """How often an article was suggested, and how often it helped."""

    article_id: ArticleId
    title: str = Field(max_length=200)
    shown_count: int = Field(ge=0)
    deflected_count: int = Field(ge=0, description="It was named as what helped.")


class SuggestionReport(ResponseModel):
    """What suggestions spared; nobody is named, and what was typed is not kept."""

    since: Instant
    until: Instant
    asked_count: int = Field(ge=0, description="Texts that suggestions were asked for.")
    answered_count: int = Field(ge=0, description="To which something was suggested.")
    deflected_count: int = Field(ge=0, description="Answered, and ended with `deflected`.")
    opened_count: int = Field(ge=0, description="Answered, and a ticket was opened: as told, or within a day after.")
    stopped_count: int = Field(
        ge=0, description="Answered, and for a day nothing was told and no ticket was opened: probably deflected, too."
    )
    articles: list[SuggestedArticleCount] = Field(
        max_length=50, description="Those shown most often, of what the caller may read."
    )
