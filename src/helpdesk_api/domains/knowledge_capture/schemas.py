"""Bodies between tickets and articles."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ArticleCategoryId, ArticleId, TicketId
from helpdesk_api.domains.knowledge.enums import ArticleAudience, ArticleLanguage
from helpdesk_api.domains.knowledge.schemas import TeamIds
from helpdesk_api.domains.knowledge_capture.enums import ArticleUse
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel, ShortText


class TicketArticleCreate(RequestModel):
    """A draft from what the requester can see of the ticket: subject, description and resolution."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Renew the VPN certificate", "language": "en"}]}
    )

    title: ShortText | None = Field(default=None, description="The ticket's subject when left out.")
    language: ArticleLanguage | None = Field(default=None, description="The caller's own when left out.")
    audience: ArticleAudience | None = Field(default=None, description="`agents` when left out.")
    team_ids: TeamIds | None = None
    category_id: ArticleCategoryId | None = None


class ArticleTicketRead(ResponseModel):
    """A ticket that an article came from, or that it resolved."""

    model_config = ConfigDict(title="ArticleTicket")

    article_id: ArticleId
    ticket_id: TicketId
    use: ArticleUse
    reference: str = Field(max_length=24)
    subject: str = Field(max_length=200)
    status: TicketStatus
    created_at: Instant = Field(description="When it was drafted, or the ticket resolved.")


class ArticleTicketPage(Page[ArticleTicketRead]):
    """An article's tickets, the latest first."""
