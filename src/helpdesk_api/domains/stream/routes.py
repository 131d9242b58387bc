"""The live stream over HTTP, and the tickets that open it from a browser."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.database.ids import TicketId, ViewId
from helpdesk_api.database.session import Database, DatabaseDep, SessionDep
from helpdesk_api.domains.audit.errors import StreamsUnavailable, TooManyStreams
from helpdesk_api.domains.audit.following import Follower, FollowingDep
from helpdesk_api.domains.audit.log_events import last_position
from helpdesk_api.domains.audit.queries import Question, position_of
from helpdesk_api.domains.audit.routes import EventTypes
from helpdesk_api.domains.authentication import stream_tickets
from helpdesk_api.domains.authentication.errors import InvalidStreamTicket
from helpdesk_api.domains.stream.errors import ViewNotFollowed
from helpdesk_api.domains.stream.schemas import StreamTicketRead
from helpdesk_api.domains.stream.sse import EventStream
from helpdesk_api.domains.stream.views import ViewCondition
from helpdesk_api.domains.views.errors import ViewNotFound
from helpdesk_api.domains.views.queries import get_view, know
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter
from helpdesk_api.web.schemas import CursorText

router = ApiRouter(prefix="/v1/events", tags=["events"])
_LAST_EVENT_ID = "Last-Event-ID"


OfTicket = Annotated[TicketId | None, Query(description="Only events of this ticket.")]
OfView = Annotated[
    ViewId | None, Query(description="Only events of tickets that are in this view, or that the event took out.")
]
After = Annotated[
    CursorText | None,
    Query(
        description="Where to go on: an `id` of this stream, or from `GET /v1/events` with the same filters. From "
        "now on when left out. `Last-Event-ID` counts more."
    ),
]
LastEventId = Annotated[
    CursorText | None, Header(description="The last `id` that was received; a browser sends it by itself.")
]
StreamTicket = Annotated[
    str | None,
    Query(
        max_length=stream_tickets.LENGTH,
        pattern=stream_tickets.PATTERN,
        description="In place of the Authorization header, where none can be sent.",
    ),
]


@router.get(
    "/stream",
    operation_id="streamEvents",
    summary="Follow the event log live",
    status_code=200,
    response_class=EventStream,
    dependencies=[Depends(stream_tickets.FOLLOWS_EVENTS)],
    responses=documents(
        InvalidCursor,
        InvalidStreamTicket,
        ViewNotFound,
        ViewNotFollowed,
        InvalidConditions,
        InvalidQuery,
        TooManyStreams,
        StreamsUnavailable,
    ),
)
async def stream_events(
    *,
    request: Request,
    principal: PrincipalDep,
    database: DatabaseDep,
    following: FollowingDep,
    type: EventTypes | None = None,  # noqa: A002 - its public name
    ticket_id: OfTicket = None,
    view_id: OfView = None,
    after: After = None,
    last_event_id: LastEventId = None,
    stream_ticket: StreamTicket = None,
) -> Response:
    """Server-sent events. Each `message` is an `Event` with its place as `id`; nothing is missed and nothing comes
    twice for a caller who goes on from the last `id`, on any process. What the caller may read is judged as each event
    is sent, and the stream ends with the credential.

    A comment comes every 15 seconds when nothing else does. With `view_id`, a message `view` before each event says
    whether its ticket is in the view now. A message `end` is the last one when we end the stream: because the caller
    was too slow to keep up, because the view was changed, or because this process stops.
    """
    del stream_ticket
    asked = Question(frozenset(type.split(",") if type else ()), ticket_id, view_id)
    given = last_event_id or after
    parameter = _LAST_EVENT_ID if last_event_id else "after"
    follower = Follower(stream_tickets.token_of(request), principal, asked)
    if view_id is not None:
        await _follow_view(database, follower, view_id)
    if given is not None:
        follower.position = position_of(principal, asked, given, parameter)
    else:
        async with database.reads() as reads:
            follower.position = await last_position(reads)
    return EventStream(database, following, follower)


@router.post(
    "/stream-tickets",
    operation_id="createStreamTicket",
    summary="Get a ticket for a stream",
    status_code=201,
    response_model=StreamTicketRead,
    dependencies=[requires(Permission.EVENTS_READ)],
    openapi_extra={NO_IDEMPOTENCY: True},
)
async def create_stream_ticket(request: Request, session: SessionDep, response: Response) -> Any:
    """For a browser's EventSource, which can send no Authorization header. Good once, for a minute; the stream ends
    when the credential that asked for the ticket does."""
    ticket, expires_at = await stream_tickets.issue(session, stream_tickets.token_of(request))
    response.headers["Cache-Control"] = "no-store"
    return {"stream_ticket": ticket, "expires_at": expires_at}


async def _follow_view(database: Database, follower: Follower, view_id: UUID) -> None:
    async with database.reads() as reads:
        view = await get_view(reads, follower.principal, view_id)
        known = await know(reads, follower.principal, [view])
    condition = ViewCondition(follower.principal, view, known)
    follower.condition, follower.condition_fields = condition, condition.fields
