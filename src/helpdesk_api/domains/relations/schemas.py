"""Bodies of what happens between tickets."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import CategoryId, LinkId, TicketId
from helpdesk_api.domains.forms.schemas import CustomFields
from helpdesk_api.domains.relations.enums import LinkKind
from helpdesk_api.domains.relations.rules import MAX_CHILDREN
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.schemas import Flag, Instant, LongText, Page, RequestModel, ResponseModel, ShortText


class LinkCreate(RequestModel):
    """What this ticket is to another."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "blocks", "ticket_id": "INC-1042"}]})

    kind: LinkKind = Field(description="Said from this ticket's side; the other one shows the inverse.")
    ticket_id: TicketKeyText


class LinkedTicket(ResponseModel):
    """What a link shows of its other ticket."""

    id: TicketId
    reference: str = Field(max_length=24, pattern=r"^(INC|REQ|PRB|CHG)-[0-9]{1,19}$")
    subject: str = Field(max_length=200)
    status: TicketStatus


class LinkRead(ResponseModel):
    """A link, said from the side of the ticket that was asked for."""

    model_config = ConfigDict(title="TicketLink")

    id: LinkId
    kind: LinkKind
    ticket: LinkedTicket = Field(description="The other one.")
    created_at: Instant


class LinkPage(Page[LinkRead]):
    """One page of links to tickets that the caller can see."""


class MergeChoices(RequestModel):
    """What a merge leaves to the caller."""

    comment: LongText | None = Field(default=None, description="Markdown, said on the ticket that goes on.")
    comment_visibility: Visibility = Field(default=Visibility.INTERNAL, description="`internal` when left out.")
    add_participants: Flag = Field(
        default=True, description="Who was added to the merged one joins, and so reads what is said there."
    )
    add_requester: Flag = Field(
        default=False, description="Its requester joins as a participant, and so reads what is said there."
    )


class TicketMerge(MergeChoices):
    """This ticket ends and goes on in another."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"into": "INC-1042", "comment": "The same outage."}]})

    into: TicketKeyText


class TicketMergeIn(MergeChoices):
    """Other tickets end and go on in this one: all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ticket_ids": ["INC-1043", "INC-1044"]}]})

    ticket_ids: Annotated[list[TicketKeyText], Field(min_length=1, max_length=50)]


class CommentSplit(RequestModel):
    """What is left out is taken from the comment and its ticket."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"subject": "The second monitor flickers"}]})

    subject: ShortText | None = Field(default=None, description="The description's first words when left out.")
    description: LongText | None = Field(
        default=None, description="Markdown; the comment's text when left out. Needed for most internal comments."
    )
    category_id: CategoryId | None = Field(default=None, description="None when left out: it is another matter.")
    custom_fields: CustomFields = Field(default_factory=dict, description="What the category's form asks for.")


class ChildProblem(ResponseModel):
    """Why a child was left as it was."""

    code: str = Field(max_length=64)
    title: str = Field(max_length=200)
    detail: str = Field(max_length=1_000)


class ChildResult(ResponseModel):
    """What became of one child."""

    ticket_id: TicketId
    reference: str = Field(max_length=24)
    status: int = Field(ge=200, le=599, description="As an HTTP status: 200, or that of the problem.")
    problem: ChildProblem | None = Field(description="Null when it was done.")


class ChildResults(ResponseModel):
    """Each open child that the caller can see, oldest first; one that failed was left as it was."""

    data: list[ChildResult] = Field(max_length=MAX_CHILDREN)
