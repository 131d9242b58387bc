"""Who may see an attachment: whoever may see what it belongs to; until it belongs to something, its uploader, and with
a shared draft all who work on the ticket."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.attachments.enums import AttachmentAction, AttachmentRefusal, AttachmentState
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.knowledge import policy as articles
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility


def readable(principal: tickets.Caller) -> ColumnElement[bool]:
    """For a statement that joins the attachment's ticket."""
    shown = or_(Attachment.visibility == Visibility.PUBLIC, tickets.sees_internal(principal))
    # For an administrator every ticket is readable, and so would be what has none.
    return Attachment.ticket_id.is_not(None) & tickets.readable(principal) & shown


def is_own_unreferenced(principal: Principal) -> ColumnElement[bool]:
    return and_(
        Attachment.ticket_id.is_(None), Attachment.article_id.is_(None), Attachment.uploader_id == principal.user_id
    )


def in_article(sight: ColumnElement[bool]) -> ColumnElement[bool]:
    """Of an article that fits, such as those that the caller may read."""
    one = select(Article.id).where(Article.id == Attachment.article_id, sight)
    return one.correlate(Attachment).exists()


def in_readable_article(principal: Principal) -> ColumnElement[bool]:
    """Of one that the caller may read; what is not approved yet is theirs who work on it."""
    shown = or_(Attachment.visibility == Visibility.PUBLIC, articles.editable(principal))
    return in_article(and_(articles.readable(principal), shown))


def in_public_article() -> ColumnElement[bool]:
    """What everybody may have."""
    return and_(Attachment.visibility == Visibility.PUBLIC, in_article(articles.public()))


def in_shared_draft(principal: Principal) -> ColumnElement[bool]:
    works = tickets.readable(principal) & tickets.sees_internal(principal)
    one = select(Ticket.id).where(Ticket.id == Attachment.draft_ticket_id, works)
    return one.correlate(Attachment).exists()


def seen_elsewhere(principal: Principal) -> ColumnElement[bool]:
    """What belongs to no ticket: in an article that the caller may read, in a draft of theirs or a shared one."""
    return or_(
        is_own_unreferenced(principal),
        and_(Attachment.article_id.is_not(None), in_readable_article(principal)),
        and_(Attachment.draft_ticket_id.is_not(None), in_shared_draft(principal)),
    )


def download_refusal(state: AttachmentState) -> AttachmentRefusal | None:
    if state is AttachmentState.SCANNING:
        return AttachmentRefusal.QUARANTINED
    return AttachmentRefusal.REFUSED if state is AttachmentState.REFUSED else None


def deletion_refusal(
    principal: Principal,
    uploader_id: UUID,
    referenced_at: datetime | None,
    window: timedelta,
    *,
    edits_article: bool | None = None,
    is_merged: bool = False,
) -> AttachmentRefusal | None:
    """Administrators always may; the uploader while nothing refers to it, and inside the comments' edit window; nobody
    by way of a merged ticket. What belongs to an article is deleted by those who write it, and what its readers have by
    who approves it."""
    if edits_article is not None:
        if not principal.has(Permission.ARTICLES_WRITE):
            return AttachmentRefusal.MISSING_SCOPE
        return None if edits_article else AttachmentRefusal.NOT_THE_UPLOADER
    if not principal.has(Permission.TICKETS_WRITE):
        return AttachmentRefusal.MISSING_SCOPE
    if not principal.is_admin and uploader_id != principal.user_id:
        return AttachmentRefusal.NOT_THE_UPLOADER
    if is_merged:
        return AttachmentRefusal.MERGED
    if principal.is_admin:
        return None
    if referenced_at is not None and clock.now() > referenced_at + window:
        return AttachmentRefusal.DELETION_WINDOW_PASSED
    return None


def allowed_actions(principal: Principal, row: Any, window: timedelta) -> Sequence[dict[str, Any]]:
    """Of a row with the attachment's own columns."""
    refusals = {
        AttachmentAction.DOWNLOAD: download_refusal(AttachmentState(row["state"])),
        AttachmentAction.DELETE: deletion_refusal(
            principal,
            row["uploader_id"],
            row["referenced_at"],
            window,
            edits_article=row["edits_article"],
            is_merged=row["is_merged"],
        ),
    }
    return [
        {"action": action, "allowed": refusal is None, "reason_code": refusal, "required_fields": []}
        for action, refusal in refusals.items()
    ]
