"""Reads of attachments, each from `policy.readable`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, ScalarSelect, and_, case, false, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id_sql
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.attachments import policy
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.domains.attachments.errors import AttachmentNotFound
from helpdesk_api.domains.attachments.links import end_of_links, path_until
from helpdesk_api.domains.attachments.models import SEARCH, Attachment
from helpdesk_api.domains.knowledge import policy as articles
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.tickets.merged import has_lain_on, lies_on
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.weeks import is_within
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, parse_sort

SORTS = {"created_at": SortKey("created_at", Attachment.created_at, datetime)}


def matching_names(asked: ColumnElement[Any], *, by_week: bool = False, is_merged: bool = False) -> AnySelect:
    """A source of the tickets' full text: files by their names."""
    ticket = aliased(Ticket)
    home = Attachment.merged_from_id if is_merged else Attachment.ticket_id
    found = (
        select(home, ticket.created_at, Attachment.visibility == Visibility.PUBLIC)
        .join(ticket, ticket.id == home)
        .where(SEARCH.op("@@")(asked))
    )
    if is_merged:
        # An index of their own has these few alone.
        found = found.add_columns(Attachment.ticket_id).where(home.is_not(None))
    return found.where(is_within(ticket.created_at)) if by_week else found


def of_comment(comment_id: Any) -> ScalarSelect[Any]:
    """The summaries of a comment's files as one JSON array, for a statement that shows comments."""
    return _summaries(Attachment.comment_id == comment_id)


def of_draft(draft_id: Any) -> ScalarSelect[Any]:
    """The same for a draft."""
    return _summaries(Attachment.draft_id == draft_id)


def changes_of_draft(draft_id: Any) -> ScalarSelect[Any]:
    """A number that moves when one of its files does: for its ETag, since it shows how they are."""
    return (
        select(func.coalesce(func.sum(Attachment.version), 0)).where(Attachment.draft_id == draft_id).scalar_subquery()
    )


def _summaries(of: ColumnElement[bool]) -> ScalarSelect[Any]:
    summary = func.json_build_object(
        "id", public_id_sql("att", Attachment.id),
        "name", Attachment.name,
        "content_type", Attachment.content_type,
        "size_bytes", Attachment.size_bytes,
        "state", Attachment.state,
    )  # fmt: skip
    listed = func.coalesce(func.json_agg(aggregate_order_by(summary, Attachment.id)), literal([], JSON))
    return select(listed).where(of).scalar_subquery()


_IS_MERGED = Ticket.merged_into_id.is_not(None)


def _select(home: Any, edits_article: Any = None, *, is_merged: ColumnElement[bool] = _IS_MERGED) -> AnySelect:
    """Whether it is merged tells of the row of `tickets` that the statement joins."""
    return select(
        Attachment.id,
        home.label("ticket_id"),
        Attachment.comment_id,
        Attachment.article_id,
        Attachment.visibility,
        Attachment.name,
        Attachment.content_type,
        Attachment.size_bytes,
        Attachment.sha256,
        Attachment.state,
        Attachment.has_thumbnail,
        Attachment.created_at,
        Attachment.referenced_at,
        Attachment.version,
        Attachment.uploader_id,
        User.name.label("uploader_name"),
        is_merged.label("is_merged"),
        (literal(None, Boolean) if edits_article is None else edits_article).label("edits_article"),
    ).join(User, User.id == Attachment.uploader_id)


async def get_row(reads: ReadSession, principal: Principal, attachment_id: UUID) -> Any:
    """Raises `attachment_not_found`."""
    row = await reads.fetch_one(
        _select(Ticket.__table__.c.id, _edits_article(principal))
        .outerjoin(Ticket, has_lain_on(Attachment, attachment_id))
        .where(Attachment.id == attachment_id, or_(policy.seen_elsewhere(principal), policy.readable(principal)))
        # Where it is now, before where it came from, and that before where it was between.
        .order_by(
            (Ticket.id == Attachment.ticket_id).desc().nulls_last(), (Ticket.id == Attachment.merged_from_id).desc()
        )
        .limit(1)
    )
    if row is None:
        raise AttachmentNotFound
    return row


def _edits_article(principal: Principal) -> ColumnElement[bool | None]:
    """Null where there is none to edit. What its readers have before them was approved with it."""
    unseen = or_(Article.published_number.is_(None), Attachment.visibility == Visibility.INTERNAL)
    edits = policy.in_article(or_(articles.approvable(principal), and_(articles.editable(principal), unseen)))
    return case((Attachment.article_id.is_not(None), edits), else_=literal(None, Boolean))


async def list_of_article(
    reads: ReadSession, principal: Principal, article_id: UUID, page: PageRequest
) -> dict[str, Any]:
    """Oldest first, of an article that the caller may read."""
    keys = (SORTS["created_at"], SortKey("id", Attachment.id, UUID))
    none = literal(None, Attachment.ticket_id.type)
    statement = _select(none, _edits_article(principal), is_merged=false()).where(
        Attachment.article_id == article_id, policy.in_readable_article(principal)
    )
    return await page_of(reads, statement, keys, page)


async def list_of_public_article(reads: ReadSession, article_id: UUID) -> Sequence[Any]:
    """What everybody may have, as far as the scanner has found it clean."""
    columns = (
        Attachment.id,
        Attachment.name,
        Attachment.content_type,
        Attachment.size_bytes,
        Attachment.state,
        Attachment.version,
    )
    shown = Attachment.article_id == article_id, Attachment.state == AttachmentState.AVAILABLE
    statement = select(*columns).where(*shown, policy.in_public_article()).order_by(Attachment.id)
    return await reads.fetch(statement)


async def is_public(reads: ReadSession, attachment_id: UUID) -> bool:
    """Whether it is in an article that everybody may read."""
    shown = Attachment.id == attachment_id, Attachment.state == AttachmentState.AVAILABLE
    statement = select(Attachment.id).where(*shown, policy.in_public_article())
    return await reads.fetch_one(statement) is not None


async def list_of_ticket(
    reads: ReadSession, principal: Principal, ticket: Any, page: PageRequest, *, sort: str | None
) -> dict[str, Any]:
    """One page of the files of one row of `select_tickets`, oldest first unless sorted otherwise."""
    keys = parse_sort(sort, SORTS, "created_at")
    keys.append(SortKey("id", Attachment.id, UUID, keys[0].descending))
    on = lies_on(ticket, Attachment)
    statement = _select(Ticket.__table__.c.id).join(Ticket, on).where(policy.readable(principal))
    return await page_of(reads, statement, keys, page)


def read(principal: Principal, row: Any, window: timedelta) -> dict[str, Any]:
    """What is answered of a row."""
    uploader = {"id": row["uploader_id"], "name": row["uploader_name"]}
    return {**dict(row), "uploader": uploader, "allowed_actions": policy.allowed_actions(principal, row, window)}


def listed(principal: Principal, rows: Sequence[Any], window: timedelta, *, with_links: bool) -> list[dict[str, Any]]:
    """The same of the rows of a list; all its links end at once, and are made without asking anybody."""
    expires_at = end_of_links() if with_links else None
    return [{**read(principal, row, window), **_links(row, expires_at)} for row in rows]


def _links(row: Any, expires_at: datetime | None) -> dict[str, Any]:
    if expires_at is None or policy.download_refusal(AttachmentState(row["state"])) is not None:
        return {"download_url": None, "thumbnail_url": None, "links_expire_at": None}
    small = path_until(expires_at, row["id"], thumbnail=True) if row["has_thumbnail"] else None
    return {
        "download_url": path_until(expires_at, row["id"]),
        "thumbnail_url": small,
        "links_expire_at": expires_at,
    }


async def summaries(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Attachment]:
    """Of what this transaction has just attached, in the order in which they are always shown."""
    if not ids:
        return []
    found = await session.scalars(select(Attachment).where(Attachment.id.in_(ids)).order_by(Attachment.id))
    return found.all()


async def ids_of_comment(session: AsyncSession, comment_id: UUID) -> set[UUID]:
    """Those that its text may show: what was refused is gone."""
    shown = Attachment.comment_id == comment_id, Attachment.state != AttachmentState.REFUSED
    return set(await session.scalars(select(Attachment.id).where(*shown)))


async def ids_of_ticket(session: AsyncSession, ticket_id: UUID) -> set[UUID]:
    """The same for the ticket's own text: its own files, and not its comments'."""
    own = Attachment.ticket_id == ticket_id, Attachment.comment_id.is_(None)
    return set(await session.scalars(select(Attachment.id).where(*own, Attachment.state != AttachmentState.REFUSED)))


def available(attachment_id: UUID) -> AnySelect:
    """For whoever holds a link to it: the link was given to somebody who may see it."""
    return select(Attachment.name, Attachment.content_type, Attachment.sha256, Attachment.has_thumbnail).where(
        Attachment.id == attachment_id, Attachment.state == AttachmentState.AVAILABLE
    )
