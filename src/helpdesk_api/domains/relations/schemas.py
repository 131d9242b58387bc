"""Bodies of what happens between tickets."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import LinkId, TicketId
from helpdesk_api.domains.relations.enums import LinkKind
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel


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
