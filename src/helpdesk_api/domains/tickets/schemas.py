"""Bodies of the ticket operations. Markdown comes in, sanitised HTML goes out beside it."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import (
    ArticleId,
    AttachmentId,
    CategoryId,
    CommentId,
    FormId,
    LinkId,
    OrganizationId,
    TeamId,
    TicketId,
    TicketTemplateId,
    UserId,
)
from helpdesk_api.domains.categories.enums import (
    Channel,
    Impact,
    Priority,
    TicketType,
    Urgency,
)
from helpdesk_api.domains.forms.schemas import CustomFields, CustomValue, FieldKey
from helpdesk_api.domains.tickets.enums import (
    PendingReason,
    PrioritySource,
    Refusal,
    ResolutionCode,
    SlaState,
    TicketAction,
    TicketStatus,
)
from helpdesk_api.domains.tickets.rules import MAX_COLLABORATORS
from helpdesk_api.domains.tickets.sla_schemas import SlaLabel
from helpdesk_api.domains.users.schemas import UserSummary
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    ExternalText,
    Instant,
    LongText,
    OptionalText,
    RequestInstant,
    RequestModel,
    ResponseModel,
    ShortText,
    Tag,
    absent,
)

MAX_ATTACHMENTS = 20
AttachmentIds = Annotated[list[AttachmentId], Field(max_length=MAX_ATTACHMENTS)]
LanguageCode = Annotated[str, Field(max_length=3, pattern="^[a-z]{2,3}$", examples=["de"])]
Tags = Annotated[list[Tag], Field(max_length=30)]


class TicketCreate(RequestModel):
    """What is left out is decided by routing rules, the category and the priority matrix."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "incident",
                    "subject": "VPN drops every few minutes",
                    "description": "Since this morning the **VPN** disconnects after about five minutes.",
                    "impact": "medium",
                    "urgency": "high",
                    "steps_tried": "Restarted the laptop and the router.",
                    "affected_service": "VPN",
                    "tags": ["vpn"],
                }
            ]
        }
    )

    type: TicketType = Field(default=TicketType.INCIDENT, description="`incident` when left out.")
    subject: ShortText = absent("Required, unless a template has it.")
    description: LongText = absent("Markdown; required, unless a template has it.")
    template_id: TicketTemplateId | None = Field(default=None, description="Fills in what is left out here.")
    requester_id: UserId | None = Field(default=None, description="Whom it is for; the caller when left out.")
    channel: Channel = Field(default=Channel.API, description="`api` when left out.")
    category_id: CategoryId | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    priority: Priority | None = Field(default=None, description="Needs the scope `tickets:admin` and a reason.")
    priority_reason: OptionalText | None = Field(default=None, description="Together with `priority` only.")
    tags: Tags = Field(default_factory=list)
    form_id: FormId | None = Field(default=None, description="The category's own when left out.")
    custom_fields: CustomFields = Field(
        default_factory=dict, description="What its form asks for; see `GET /v1/forms/{form_id}/schema`."
    )
    attachment_ids: AttachmentIds = Field(
        default_factory=list,
        description="Own uploads that nothing refers to yet; `![…](attachment:<id>)` in `description` shows one.",
    )
    began_at: RequestInstant | None = Field(default=None, description="When the trouble began.")
    steps_tried: LongText | None = None
    affected_service: ShortText | None = Field(default=None, description="Service or device in words.")
    team_id: TeamId | None = Field(default=None, description="Staff only.")
    assignee_id: UserId | None = Field(default=None, description="Staff only.")
    external_source: ExternalText | None = Field(default=None, description="Staff and service accounts only.")
    external_id: ExternalText | None = Field(default=None, description="Staff and service accounts only.")
    occurred_at: RequestInstant | None = Field(
        default=None,
        description="Import clock: when it was opened elsewhere. Needs the scope `import`; sends no mail.",
    )


class TicketUpdate(RequestModel):
    """JSON merge patch (RFC 7396): a missing field stays, null clears."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subject": "VPN drops every five minutes", "tags": ["vpn", "home-office"]}]}
    )

    type: TicketType = absent()
    subject: ShortText = absent()
    description: LongText = absent()
    requester_id: UserId = absent()
    category_id: CategoryId | None = absent()
    impact: Impact | None = absent()
    urgency: Urgency | None = absent()
    priority: Priority | None = Field(
        default=None,
        description="Needs `tickets:admin` and `priority_reason`; null takes back what was set by hand: it is what "
        "impact and urgency give, else the category's default, else `low`.",
    )
    priority_reason: OptionalText | None = absent("Of a priority set by hand, which always has one.")
    tags: Tags = absent()
    custom_fields: CustomFields = Field(
        default_factory=dict, description="Merged key by key; null clears one. By the form's version of this ticket."
    )
    attachment_ids: AttachmentIds = absent(
        "Added to its files: own uploads that nothing refers to yet, which `description` can then show."
    )
    began_at: RequestInstant | None = absent()
    steps_tried: LongText | None = absent()
    affected_service: ShortText | None = absent()
    external_source: ExternalText | None = absent()
    external_id: ExternalText | None = absent()


class TicketStart(RequestModel):
    """Starting unassigned work takes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class TicketPend(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "vendor"}]})

    reason: PendingReason
    resumes_at: RequestInstant | None = Field(
        default=None,
        description=(
            "When it resumes by itself; required with the reason `scheduled`. One that lies behind now, in an imported "
            "past, is not kept: what follows says when it went on."
        ),
    )


class TicketResume(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class TicketResolve(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resolution_code": "fixed",
                    "resolution_text": "Replaced the expired VPN certificate.",
                }
            ]
        }
    )

    resolution_code: ResolutionCode
    resolution_text: LongText = Field(description="Markdown; the requester reads it.")
    article_id: ArticleId | None = Field(default=None, description="The article that served; its use is counted.")


class TicketConfirm(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class TicketReopen(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "It happened again this morning."}]})

    reason: ShortText


class TicketClose(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class TicketCancel(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Opened twice by mistake."}]})

    reason: ShortText


class TicketRate(RequestModel):
    """A later rating replaces the earlier one; the history keeps both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"score": 5, "comment": "Fast and friendly."}]})

    score: Annotated[int, Field(ge=1, le=5, description="1 is worst, 5 is best."), WHOLE_NUMBER]
    comment: OptionalText | None = None


class AllowedAction(ResponseModel):
    """One thing that the caller may or may not do now, and why not."""

    action: TicketAction
    allowed: bool
    reason_code: Refusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(
        max_length=10,
        description=(
            "What its body or path must hold; to `assign`, a `team_id` or a `strategy` does in place of the assignee."
        ),
    )


class TicketRead(ResponseModel):
    """A ticket as its reader may see it: what is internal is null for requesters."""

    model_config = ConfigDict(title="Ticket")

    id: TicketId
    url: str = Field(max_length=100)
    reference: str = Field(max_length=24, pattern=r"^(INC|REQ|PRB|CHG)-[0-9]{1,19}$")
    number: int = Field(ge=1)
    type: TicketType
    status: TicketStatus
    pending_reason: PendingReason | None
    resumes_at: Instant | None
    subject: str = Field(max_length=200)
    description: str = Field(max_length=65_536)
    description_html: str = Field(max_length=1_000_000)
    steps_tried: str | None = Field(max_length=65_536)
    affected_service: str | None = Field(max_length=200)
    began_at: Instant | None
    channel: Channel
    requester_id: UserId
    submitter_id: UserId
    organization_id: OrganizationId | None
    category_id: CategoryId | None
    impact: Impact | None
    urgency: Urgency | None
    priority: Priority
    priority_source: PrioritySource | None = Field(description="Staff only.")
    priority_reason: str | None = Field(max_length=500, description="Staff only.")
    language: LanguageCode | None = Field(
        description="Of what was written, ISO 639-1; null where that is too little, or nothing here can tell."
    )
    tags: list[str] = Field(max_length=60)
    form_id: FormId | None
    form_number: int | None = Field(ge=1, description="The form's version that it was opened with.")
    custom_fields: dict[FieldKey, CustomValue] = Field(
        max_length=100, description="By the form's keys; what only the staff sees is there for them alone."
    )
    team_id: TeamId | None
    assignee_id: UserId | None
    assigned_at: Instant | None
    awaits_member: bool | None = Field(description="Staff only: nobody of the team was free when it came.")
    needs_reassignment: bool | None = Field(description="Staff only: its assignee has left.")
    resolution_code: ResolutionCode | None
    resolution_text: str | None = Field(max_length=65_536)
    resolution_article_id: ArticleId | None = Field(description="The article that served, if the caller may read it.")
    resolved_at: Instant | None
    closes_at: Instant | None = Field(description="When a resolved ticket closes by itself.")
    closed_at: Instant | None
    cancelled_at: Instant | None
    rating: int | None = Field(ge=1, le=5, description="The requester's: 1 is worst, 5 is best.")
    rating_comment: str | None = Field(max_length=500)
    rated_at: Instant | None
    reopened_count: int = Field(ge=0)
    follow_up_of_id: TicketId | None = Field(description="For requesters, only if they can see that one too.")
    collaborator_ids: list[UserId] | None = Field(
        max_length=MAX_COLLABORATORS, description="Staff only: with whom of other teams it is shared."
    )
    merged_into_id: TicketId | None = Field(
        description="Staff only, if they can see it: the ticket that goes on for this one."
    )
    external_source: str | None = Field(max_length=120)
    external_id: str | None = Field(max_length=120)
    public_comment_count: int = Field(ge=0)
    sla_state: SlaState | None = Field(
        description="The worst state of what was promised to the requester; null without a promise."
    )
    sla_due_at: Instant | None = Field(description="The next due time of a running clock.")
    last_public_comment_at: Instant | None
    internal_comment_count: int | None = Field(ge=0, description="Staff only.")
    last_internal_comment_at: Instant | None = Field(description="Staff only.")
    checklist_count: int | None = Field(ge=0, description="Staff only: what is to be done for it.")
    checklist_done_count: int | None = Field(ge=0, description="Staff only: how much of it is done.")
    created_at: Instant
    updated_at: Instant = Field(description="For requesters, of the last change that they can see.")
    allowed_actions: list[AllowedAction] = Field(max_length=50)


class TeamLabel(ResponseModel):
    """What a ticket shows of its team."""

    id: TeamId
    name: str = Field(max_length=120)


class CategoryLabel(ResponseModel):
    """What a ticket shows of its category."""

    id: CategoryId
    name: str = Field(max_length=120)
    parent_id: CategoryId | None


class CommentLabel(ResponseModel):
    """What a ticket shows of its latest comment that the caller may read."""

    id: CommentId
    ticket_id: TicketId
    author_id: UserId
    visibility: str = Field(max_length=20)
    excerpt: str = Field(max_length=500, description="The first 500 characters of the Markdown.")
    created_at: Instant


class Expectation(ResponseModel):
    """When a requester may expect the solution, as far as anybody can honestly say."""

    ticket_id: TicketId
    promised_by: Instant | None = Field(description="By the service level; null when none is promised, or it rests.")
    is_paused: bool = Field(description="The service level's clock rests: the desk waits for somebody.")
    half_by: Instant | None = Field(
        description="By this time half of the similar tickets of the last 90 days were resolved; null without history."
    )
    most_by: Instant | None = Field(description="By this time four of five were.")
    similar_count: int | None = Field(ge=1, description="How many similar tickets that is counted from.")


class LinkEnd(ResponseModel):
    """One end of a link."""

    id: TicketId
    reference: str = Field(max_length=24)


class LinkFarEnd(LinkEnd):
    """The other end of a link; the caller can see it."""

    subject: str = Field(max_length=200)
    status: TicketStatus


class LinkLabel(ResponseModel):
    """What a ticket shows of one of its links: `of` is `kind` to `ticket`."""

    id: LinkId
    kind: str = Field(max_length=32)
    of: LinkEnd
    ticket: LinkFarEnd


class TicketIncluded(ResponseModel):
    """What `include=` brought along, once each, by id."""

    users: dict[str, UserSummary]
    teams: dict[str, TeamLabel]
    categories: dict[str, CategoryLabel]
    comments: dict[str, CommentLabel]
    slas: dict[str, SlaLabel]
    links: dict[str, LinkLabel]
    expectations: dict[str, Expectation] = Field(description="By ticket; of those that are not resolved yet.")


class TicketDetail(TicketRead):
    """One ticket, and what `include=` brought along."""

    model_config = ConfigDict(title="TicketDetail")

    included: TicketIncluded | None = Field(description="Null without `include`.")
