"""Reads of comments, each from `policy.readable`, as JSON built by PostgreSQL."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id, public_id_sql
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.attachments import queries as attachments
from helpdesk_api.domains.comments import policy
from helpdesk_api.domains.comments.errors import CommentNotFound
from helpdesk_api.domains.comments.models import (
    SEARCH,
    Comment,
    CommentMention,
    CommentRevision,
)
from helpdesk_api.domains.comments.rules import CommentStanding, allowed_actions
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets import representation
from helpdesk_api.domains.tickets.highlights import MAX_COMMENTS, excerpt
from helpdesk_api.domains.tickets.includes import included_json
from helpdesk_api.domains.tickets.merged import lies_on
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.domains.tickets.ranking import BY_LENGTH
from helpdesk_api.domains.tickets.representation import distinct, instant_sql
from helpdesk_api.domains.tickets.weeks import is_within
from helpdesk_api.domains.tickets.words import Texts
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.listing import PageRequest, SortKey, paged, parse_sort


def matching_comments(asked: ColumnElement[Any], *, by_week: bool = False, is_merged: bool = False) -> AnySelect:
    """A source of the tickets' full text."""
    if is_merged:
        return _matching_merged(asked, by_week=by_week)
    ticket = aliased(Ticket)
    looked_up = select(ticket.created_at).where(ticket.id == Comment.ticket_id).correlate(Comment).scalar_subquery()
    created_at = func.coalesce(Comment.ticket_created_at, looked_up)
    found = select(Comment.ticket_id, created_at, Comment.visibility == Visibility.PUBLIC).where(SEARCH.op("@@")(asked))
    if not by_week:
        return found
    # The second costs a look at the ticket, and the index has told it of all others.
    return found.where(
        is_within(Comment.ticket_created_at), or_(Comment.ticket_created_at.is_not(None), is_within(looked_up))
    )


def _matching_merged(asked: ColumnElement[Any], *, by_week: bool) -> AnySelect:
    """Those that a merge has moved. An index of their own has these few alone."""
    old = aliased(Ticket)
    found = (
        select(Comment.merged_from_id, old.created_at, Comment.visibility == Visibility.PUBLIC, Comment.ticket_id)
        .join(old, old.id == Comment.merged_from_id)
        .where(Comment.merged_from_id.is_not(None), SEARCH.op("@@")(asked))
    )
    return found.where(is_within(old.created_at)) if by_week else found


def _matching(
    shape: tickets.CallerShape, asked: ColumnElement[Any], home: InstrumentedAttribute[Any]
) -> ColumnElement[bool]:
    """Of the one ticket that the statement looks at, and the caller may see."""
    readable = or_(Comment.visibility == Visibility.PUBLIC, tickets.sees_internal(shape))
    return and_(home == Ticket.id, SEARCH.op("@@")(asked), readable)


def _at_home(of: Callable[[InstrumentedAttribute[Any]], ColumnElement[Any]]) -> ColumnElement[Any]:
    """Where it is, or for a merged ticket where it was: each row of `tickets` tells, and the other is not asked."""
    return case((Ticket.merged_into_id.is_(None), of(Comment.ticket_id)), else_=of(Comment.merged_from_id))


COMMENT_TEXTS = Texts(
    "comments",
    Comment.id,
    Comment.ticket_id,
    Comment.created_at,
    SEARCH,
    Comment.visibility == Visibility.PUBLIC,
    Comment.merged_from_id,
)


def best_rank(shape: tickets.CallerShape, asked: ColumnElement[Any]) -> ColumnElement[Any]:
    """How well the best of a ticket's readable comments answers."""
    rank = func.max(func.ts_rank_cd(SEARCH, asked, BY_LENGTH))
    return _at_home(lambda home: select(rank).where(_matching(shape, asked, home)).correlate(Ticket).scalar_subquery())


def excerpts(shape: tickets.CallerShape, asked: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of the latest readable comments of a ticket that match."""
    return _at_home(lambda home: _excerpts(shape, asked, home))


def _excerpts(
    shape: tickets.CallerShape, asked: ColumnElement[Any], home: InstrumentedAttribute[Any]
) -> ColumnElement[Any]:
    latest = (
        select(Comment.id, Comment.body)
        .where(_matching(shape, asked, home))
        .order_by(Comment.created_at.desc(), Comment.id.desc())
        .limit(literal_column(str(MAX_COMMENTS)))
        .correlate(Ticket)
        .subquery("latest")
    )
    shown = func.json_build_object(
        "comment_id", public_id_sql("cmt", latest.c.id), "excerpt", excerpt(latest.c.body, asked)
    )
    return select(cast(func.json_agg(shown), String)).scalar_subquery()


SORTS = {"created_at": SortKey("created_at", Comment.created_at, datetime)}


_IS_HERE = Ticket.id == Comment.ticket_id


def select_comments(principal: Principal, *, edit_window: timedelta, on: ColumnElement[bool] = _IS_HERE) -> AnySelect:
    """Readable comments, `on` their tickets: id, version, the JSON text, and what `comment_json` needs besides."""
    mentioned = (
        select(func.array_agg(public_id_sql("usr", CommentMention.user_id)))
        .where(CommentMention.comment_id == Comment.id)
        .correlate(Comment)
        .scalar_subquery()
    )
    is_editable = and_(
        Comment.author_id == principal.user_id,
        Comment.created_at > clock.now() - edit_window,
        Ticket.merged_into_id.is_(None),
    )
    editable = case((is_editable, instant_sql(Comment.created_at + literal(edit_window))), else_=null())
    body = func.json_build_object(
        "id", public_id_sql("cmt", Comment.id),
        "ticket_id", public_id_sql("tkt", Ticket.id.expression),
        "author", func.json_build_object("id", public_id_sql("usr", Comment.author_id), "name", User.name),
        "visibility", Comment.visibility,
        "channel", Comment.channel,
        "body", Comment.body,
        "body_html", Comment.body_html,
        "language", Comment.language,
        "mention_ids", func.coalesce(mentioned, literal([], ARRAY(Text))),
        "attachments", attachments.of_comment(Comment.id),
        "created_at", instant_sql(Comment.created_at),
        "edited_at", instant_sql(Comment.edited_at),
        "editable_until", editable,
    )  # fmt: skip
    return (
        select(
            Comment.id,
            Comment.version,
            cast(body, String).label("body"),
            (Comment.author_id == principal.user_id).label("is_author"),
            (Comment.visibility == Visibility.INTERNAL).label("is_internal"),
            Comment.created_at,
            tickets.sees_internal(principal).label("works_on_ticket"),
            Ticket.merged_into_id.is_not(None).label("is_merged"),
        )
        .join(Ticket, on)
        .join(User, User.id == Comment.author_id)
        .where(policy.readable(principal))
    )


def comment_json(principal: Principal, row: Any, *, edit_window: timedelta) -> str:
    """Of a row of `select_comments`, with what the caller may do."""
    standing = CommentStanding(
        may_write=principal.has(Permission.TICKETS_WRITE),
        works_on_ticket=row["works_on_ticket"],
        is_author=row["is_author"],
        is_internal=row["is_internal"],
        inside_edit_window=clock.now() <= row["created_at"] + edit_window,
        is_merged=row["is_merged"],
    )
    return f'{row["body"][:-1]},"allowed_actions":{_actions_json(standing)}}}'


@lru_cache(maxsize=64)
def _actions_json(standing: CommentStanding) -> str:
    return json.dumps(allowed_actions(standing))


async def list_comments(
    reads: ReadSession,
    principal: Principal,
    ticket: Any,
    page: PageRequest,
    *,
    sort: str | None,
    languages: Sequence[str] | None,
    edit_window: timedelta,
    include: Sequence[str] | None,
) -> tuple[str, str | None, str | None]:
    """One page of the comments of one row of `select_tickets`, oldest first unless sorted otherwise.

    With `include`, be it empty, the ticket comes along: no statement but those of what it includes.
    """
    on = lies_on(ticket, Comment)
    keys = parse_sort(sort, SORTS, "created_at")
    keys.append(SortKey("id", Comment.id, UUID, keys[0].descending))
    wanted = [] if languages is None else [Comment.language.in_(languages)]
    statement = select_comments(principal, edit_window=edit_window, on=on).where(*wanted)
    cut = paged(statement, keys, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    total = await _total(reads, principal, on, wanted) if page.include_total else None
    data = ",".join(comment_json(principal, row, edit_window=edit_window) for row in rows)
    body = (
        f'{{"data":[{data}],"next_cursor":{json.dumps(next_cursor)},"prev_cursor":{json.dumps(prev_cursor)},'
        f'"total":{json.dumps(total)},"total_is_exact":{json.dumps(True if total is not None else None)},'
        f"{await _ticket_json(reads, principal, ticket, include)}}}"
    )
    return body, next_cursor, prev_cursor


async def _ticket_json(reads: ReadSession, principal: Principal, ticket: Any, include: Sequence[str] | None) -> str:
    if include is None:
        return '"ticket":null,"ticket_etag":null'
    detail = representation.detail_json(principal, ticket, await included_json(reads, principal, include, [ticket]))
    return f'"ticket":{detail},"ticket_etag":{json.dumps(representation.shown_etag(ticket, detail))}'


async def _total(
    reads: ReadSession, principal: Principal, on: ColumnElement[bool], wanted: Sequence[ColumnElement[bool]]
) -> int:
    counted: int = await reads.fetch_value(
        select(func.count()).select_from(Comment).join(Ticket, on).where(policy.readable(principal), *wanted)
    )
    return counted


async def get_row(
    reads: ReadSession,
    principal: Principal,
    ticket: Any,
    comment_id: UUID,
    *,
    edit_window: timedelta,
) -> Any:
    """Of a row of `select_tickets`. Raises `comment_not_found`."""
    statement = select_comments(principal, edit_window=edit_window, on=lies_on(ticket, Comment))
    row = await reads.fetch_one(statement.where(Comment.id == comment_id))
    if row is None:
        raise CommentNotFound
    return row


async def load(session: AsyncSession, principal: Principal, ticket: Ticket, comment_id: UUID) -> Comment:
    """The comment of a locked ticket. Raises `comment_not_found`."""
    comment = (
        await session.execute(
            select(Comment)
            .join(Ticket, Ticket.id == Comment.ticket_id)
            .where(
                Comment.id == comment_id,
                Comment.ticket_id == ticket.id,
                policy.readable(principal),
            )
        )
    ).scalar_one_or_none()
    if comment is None:
        raise CommentNotFound
    return comment


async def list_revisions(reads: ReadSession, comment_id: UUID) -> list[dict[str, Any]]:
    rows = await reads.fetch(
        select(CommentRevision.version, CommentRevision.body, CommentRevision.replaced_at)
        .where(CommentRevision.comment_id == comment_id)
        .order_by(CommentRevision.version)
        .limit(200)
    )
    return [dict(row) for row in rows]


@lru_cache(maxsize=64)
def _last_read(shape: tickets.CallerShape) -> CompiledStatement:
    body = func.json_build_object(
        "id", public_id_sql("cmt", Comment.id),
        "ticket_id", public_id_sql("tkt", Ticket.id.expression),
        "author_id", public_id_sql("usr", Comment.author_id),
        "visibility", Comment.visibility,
        "excerpt", func.left(Comment.body, 500),
        "created_at", instant_sql(Comment.created_at),
    )  # fmt: skip
    here = array([Comment.ticket_id, Comment.merged_from_id])
    # A merged one may have it from another that was merged into it before, which neither tells.
    among = any_(func.array_cat(here, bindparam("merged", type_=tickets.IDS)))
    is_last = Comment.id == any_(array([Ticket.last_comment_id, Ticket.last_public_comment_id]))
    return CompiledStatement(
        select(Comment.id, cast(body, String).label("body"))
        .join(Ticket, and_(Ticket.id == among, or_(Ticket.id == any_(here), is_last)))
        .where(any_of(Comment.id, bindparam("ids", type_=tickets.IDS)), policy.readable(shape))
        # Where it is now, behind where it was: the last one counts.
        .order_by(Ticket.id == Comment.ticket_id)
    )


async def last_comments(reads: ReadSession, principal: Principal, rows: Sequence[Any]) -> Mapping[str, str]:
    """`include=last_comment`: each ticket's latest comment that the caller may read, in one statement."""
    internal = [row for row in rows if row["internal"]]
    public = [row for row in rows if not row["internal"]]
    ids = [
        *distinct(internal, "last_comment_id"),
        *distinct(public, "last_public_comment_id"),
    ]
    if not ids:
        return {}
    read = _last_read(tickets.shape_of(principal))
    merged = [row["id"] for row in rows if row["merged_into_id"] is not None]
    found = await reads.fetch(read, {**tickets.caller_parameters(principal), "ids": ids, "merged": merged})
    return {public_id("cmt", row["id"]): row["body"] for row in found}
