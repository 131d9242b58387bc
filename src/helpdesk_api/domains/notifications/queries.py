"""Reads of mails, for operators."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, func, select

from helpdesk_api.database.ids import TicketId, UserId
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.domains.notifications.errors import MailNotFound
from helpdesk_api.domains.notifications.models import NotificationPreferences, OutboundMail
from helpdesk_api.web.listing import PageRequest, SortKey, paged

_SHOWN: tuple[Any, ...] = (
    OutboundMail.id,
    OutboundMail.message_id,
    OutboundMail.template,
    OutboundMail.status,
    OutboundMail.recipient_id,
    OutboundMail.to_address,
    OutboundMail.subject,
    OutboundMail.ticket_id,
    OutboundMail.event_id,
    OutboundMail.attempts,
    OutboundMail.next_attempt_at,
    OutboundMail.last_error,
    OutboundMail.created_at,
    OutboundMail.sent_at,
)
_NEWEST_FIRST = (SortKey("id", OutboundMail.id, UUID, descending=True),)


@dataclass(frozen=True, slots=True)
class MailFilters:
    status: MailStatus | None
    template: MailTemplate | None
    ticket_id: UUID | None
    recipient_id: UUID | None

    def clauses(self) -> list[ColumnElement[bool]]:
        wanted = {
            OutboundMail.status: self.status,
            OutboundMail.template: self.template,
            OutboundMail.ticket_id: self.ticket_id,
            OutboundMail.recipient_id: self.recipient_id,
        }
        return [column == value for column, value in wanted.items() if value is not None]


async def read_filters(
    status: Annotated[MailStatus | None, Query(description="Only mails in this state.")] = None,
    template: Annotated[MailTemplate | None, Query(description="Only mails that say this.")] = None,
    ticket_id: Annotated[TicketId | None, Query(description="Only mails about this ticket.")] = None,
    recipient_id: Annotated[UserId | None, Query(description="Only mails to this user.")] = None,
) -> MailFilters:
    return MailFilters(status, template, ticket_id, recipient_id)


MailFiltersDep = Annotated[MailFilters, Depends(read_filters)]


def _select() -> AnySelect:
    return select(*_SHOWN)


async def list_mails(reads: ReadSession, filters: MailFilters, page: PageRequest) -> dict[str, Any]:
    """The page as its schema has it; one statement, one more for a total."""
    cut = paged(_select().where(*filters.clauses()), _NEWEST_FIRST, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    total = None
    if page.include_total:
        total = await reads.fetch_value(select(func.count()).select_from(OutboundMail).where(*filters.clauses()))
    return {
        "data": [dict(row) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": total,
        "total_is_exact": True if page.include_total else None,
    }


async def get_mail(reads: ReadSession, mail_id: UUID) -> dict[str, Any]:
    """Raises `mail_message_not_found`."""
    row = await reads.fetch_one(_select().where(OutboundMail.id == mail_id))
    if row is None:
        raise MailNotFound
    return dict(row)


async def unwanted_by(reads: ReadSession, user_id: UUID) -> list[str]:
    """The templates of mails that somebody does not want, in the order of the alphabet."""
    of_user = NotificationPreferences.user_id == user_id
    return await reads.fetch_value(select(NotificationPreferences.unwanted).where(of_user)) or []
