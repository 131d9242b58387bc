"""Comments over HTTP."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import CommentId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.attachments import queries as attachments
from helpdesk_api.domains.attachments.schemas import AttachmentSummary
from helpdesk_api.domains.comments import actions, errors, queries
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.comments.rules import CommentStanding, allowed_actions
from helpdesk_api.domains.comments.schemas import (
    CommentCreate,
    CommentPage,
    CommentRead,
    CommentReceipt,
    CommentRevisionPage,
    CommentUpdate,
)
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, AttachmentNotUsable, TicketNotFound
from helpdesk_api.domains.tickets.filters import Languages
from helpdesk_api.domains.tickets.includes import parse_include
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.routes import Include
from helpdesk_api.domains.users.schemas import UserSummary
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.preconditions import IfMatchDep, etag_of
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/tickets/{ticket_id}/comments", tags=["comments"])
READ = [requires(Permission.TICKETS_READ)]
WRITE = [requires(Permission.TICKETS_WRITE)]


def _window(request: Request) -> timedelta:
    return timedelta(seconds=request.app.state.settings.comment_edit_window_seconds)


def _read(
    principal: Principal,
    comment: Comment,
    mention_ids: list[Any],
    attached: Sequence[AttachmentSummary],
    window: timedelta,
    *,
    works_on: bool,
) -> dict[str, Any]:
    mine = comment.author_id == principal.user_id
    standing = CommentStanding(
        may_write=principal.has(Permission.TICKETS_WRITE),
        works_on_ticket=works_on,
        is_author=mine,
        is_internal=comment.visibility is Visibility.INTERNAL,
        inside_edit_window=clock.now() <= comment.created_at + window,
        # A merged one takes none.
        is_merged=False,
    )
    return {
        "id": comment.id,
        "ticket_id": comment.ticket_id,
        "author": UserSummary(id=principal.user_id, name=principal.name),
        "visibility": comment.visibility,
        "channel": comment.channel,
        "body": comment.body,
        "body_html": comment.body_html,
        "language": comment.language,
        "mention_ids": list(dict.fromkeys(mention_ids)),
        "attachments": attached,
        "created_at": comment.created_at,
        "edited_at": comment.edited_at,
        "editable_until": comment.created_at + window if mine else None,
        "allowed_actions": allowed_actions(standing),
    }


@router.post(
    "",
    operation_id="addTicketComment",
    summary="Reply, or note something internally",
    status_code=201,
    response_model=CommentReceipt,
    dependencies=WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, AttachmentNotUsable, errors.MentionCannotRead, TooLongAsHtml),
)
async def add_comment(
    visible: VisibleTicketDep,
    body: CommentCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    request: Request,
) -> Response:
    """A requester's public reply resumes a pending ticket and reopens a resolved one inside the reopen window; after
    closure it opens a linked follow-up, which the answer then holds."""
    comment, follow_up = await actions.add_comment(
        session,
        database,
        principal,
        visible.ticket,
        body,
        is_participant=visible.is_participant,
    )
    return await receipt(
        session,
        principal,
        visible.ticket,
        comment,
        body.mention_ids,
        follow_up,
        request,
        attachment_ids=body.attachment_ids,
    )


async def receipt(
    session: SessionDep,
    principal: Principal,
    ticket: Ticket,
    comment: Comment,
    mention_ids: list[UUID],
    follow_up: Ticket | None,
    request: Request,
    *,
    attachment_ids: Sequence[UUID] = (),
) -> Response:
    """What is answered to whoever has just said something."""
    await session.flush()
    attached = [AttachmentSummary.model_validate(one) for one in await attachments.summaries(session, attachment_ids)]
    works_on = policy.works_on(principal, follow_up or ticket)
    read = CommentRead.model_validate(
        _read(principal, comment, mention_ids, attached, _window(request), works_on=works_on)
    )
    detail = "null"
    if follow_up is not None:
        detail = representation.detail_json(principal, await tickets.written_row(session, principal, follow_up))
    return Response(
        f'{read.model_dump_json()[:-1]},"follow_up":{detail}}}'.encode(),
        status_code=201,
        media_type="application/json",
        headers={
            "Location": f"/v1/tickets/tkt_{comment.ticket_id.hex}/comments/cmt_{comment.id.hex}",
            "ETag": etag_of(comment.version),
        },
    )


_sort_pattern = "^-?created_at$"
WithTicket = Annotated[
    bool, Query(description="Bring the ticket along, so that one call is its whole page; false when left out.")
]


@router.get(
    "",
    operation_id="listTicketComments",
    summary="List a ticket's comments",
    response_model=CommentPage,
    dependencies=READ,
    responses=documents(TicketNotFound, InvalidCursor),
)
async def list_comments(
    *,
    ticket_id: TicketKey,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    request: Request,
    sort: Annotated[
        str | None,
        Query(
            max_length=12,
            pattern=_sort_pattern,
            description="`created_at` when left out.",
        ),
    ] = None,
    language: Languages = None,
    with_ticket: WithTicket = False,
    include: Include = None,
) -> Response:
    """Only those that the caller may read, oldest first. A merged ticket's are read where it goes on. `include` is of
    the ticket, and so asks for it."""
    ticket, _ = await tickets.get_followed_row(reads, principal, ticket_id)
    asks_for_ticket = with_ticket or include is not None
    body, next_cursor, prev_cursor = await queries.list_comments(
        reads,
        principal,
        ticket,
        page,
        sort=sort,
        languages=language.split(",") if language is not None else None,
        edit_window=_window(request),
        include=parse_include(include) if asks_for_ticket else None,
    )
    link = link_header(page, next_cursor, prev_cursor)
    return Response(
        body.encode(),
        media_type="application/json",
        headers={"Link": link} if link else {},
    )


@router.get(
    "/{comment_id}",
    operation_id="getTicketComment",
    summary="Read a comment",
    response_model=CommentRead,
    dependencies=READ,
    responses=documents(TicketNotFound, errors.CommentNotFound),
)
async def get_comment(
    ticket_id: TicketKey,
    comment_id: CommentId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    request: Request,
) -> Response:
    """An internal one is not found by requesters."""
    ticket, _ = await tickets.get_followed_row(reads, principal, ticket_id)
    row = await queries.get_row(reads, principal, ticket, comment_id, edit_window=_window(request))
    return Response(
        queries.comment_json(principal, row, edit_window=_window(request)).encode(),
        media_type="application/json",
        headers={"ETag": etag_of(row["version"])},
    )


@router.patch(
    "/{comment_id}",
    operation_id="updateTicketComment",
    summary="Edit a comment",
    response_model=CommentRead,
    dependencies=WRITE,
    responses=documents(
        *CHANGE_ERRORS,
        errors.CommentNotFound,
        errors.NotTheAuthor,
        errors.EditWindowPassed,
        TooLongAsHtml,
    ),
)
async def update_comment(
    visible: VisibleTicketDep,
    comment_id: CommentId,
    body: CommentUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    request: Request,
    if_match: IfMatchDep,
) -> Response:
    """By its author, inside the edit window; the earlier text is kept."""
    comment = await queries.load(session, principal, visible.ticket, comment_id)
    if_match.check(etag_of(comment.version))
    await actions.edit_comment(session, principal, visible.ticket, comment, body, window=_window(request))
    await session.flush()
    row = (
        (
            await session.execute(
                queries.select_comments(principal, edit_window=_window(request)).where(Comment.id == comment.id)
            )
        )
        .mappings()
        .one()
    )
    return Response(
        queries.comment_json(principal, row, edit_window=_window(request)).encode(),
        media_type="application/json",
        headers={"ETag": etag_of(row["version"])},
    )


@router.get(
    "/{comment_id}/revisions",
    operation_id="listTicketCommentRevisions",
    summary="List a comment's earlier texts",
    response_model=CommentRevisionPage,
    dependencies=READ,
    responses=documents(TicketNotFound, ActionForbidden, errors.CommentNotFound),
)
async def list_revisions(
    ticket_id: TicketKey,
    comment_id: CommentId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    request: Request,
) -> Any:
    """For those who work on the ticket."""
    ticket, _ = await tickets.get_followed_row(reads, principal, ticket_id)
    await queries.get_row(reads, principal, ticket, comment_id, edit_window=_window(request))
    if not ticket["internal"]:
        raise ActionForbidden(TicketAction.COMMENT_INTERNALLY)
    rows = await queries.list_revisions(reads, comment_id)
    return {
        "data": rows,
        "next_cursor": None,
        "prev_cursor": None,
        "total": len(rows),
        "total_is_exact": True,
    }


ROUTERS = (router,)
