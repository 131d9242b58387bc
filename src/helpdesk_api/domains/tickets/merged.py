"""What a merge leaves behind: names that lead on."""

from uuid import UUID

from sqlalchemy import select

from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets.models import Ticket


def merged_into(ticket_id: UUID) -> AnySelect:
    """The tickets that go on in this one, also by way of others: one step always leads to the end."""
    return select(Ticket.id).where(Ticket.merged_into_id == ticket_id)
