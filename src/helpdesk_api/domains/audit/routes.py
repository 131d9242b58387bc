"""What happened, over HTTP: one ticket's history, and the log of everything that the caller may see."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import EventId, TicketId
from helpdesk_api.database.session import Database, DatabaseDep, ReadSessionDep
from helpdesk_api.domains.audit import cloud_events, queries
from helpdesk_api.domains.audit.errors import EventNotFound, StreamsUnavailable, TooManyStreams
from helpdesk_api.domains.audit.following import FollowingDep
from helpdesk_api.domains.audit.log_events import last_position
from helpdesk_api.domains.audit.polling import LongPoll
from helpdesk_api.domains.audit.schemas import Event, EventLog, EventPage
from helpdesk_api.domains.authentication.stream_tickets import token_of
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import DEFAULT_LIMIT, MAX_LIMIT, PageDep, link_header
from helpdesk_api.web.preconditions import set_etag
from helpdesk_api.web.routing import ApiRouter, answers_also
from helpdesk_api.web.schemas import CursorText

history_router = ApiRouter(prefix="/v1/tickets/{ticket_id}/history", tags=["events"])
router = ApiRouter(prefix="/v1/events", tags=["events"])
MAX_WAIT_SECONDS = 30
# In place of a cursor: whoever only wants what comes has nothing to read through first.
LATEST = "latest"
_type = r"[a-z_]{1,40}\.[a-z_]{1,40}"
EventTypes = Annotated[
    str,
    Query(
        max_length=820,
        pattern=f"^{_type}(,{_type}){{0,9}}$",
        description="Only these types, separated by commas.",
        examples=["ticket.created,ticket.resolved"],
    ),
]


@history_router.get(
    "",
    operation_id="listTicketHistory",
    summary="Read a ticket's history",
    response_model=EventPage,
    dependencies=[requires(Permission.TICKETS_READ)],
    responses=documents(TicketNotFound, InvalidCursor),
)
async def list_ticket_history(
    ticket_id: TicketKey,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    sort: Annotated[
        str | None,
        Query(max_length=12, pattern="^-?occurred_at$", description="`occurred_at` when left out."),
    ] = None,
) -> Any:
    """Every step as soon as it is committed, with what each field was before and after."""
    found = await queries.ticket_history(reads, principal, ticket_id, page, newest_first=(sort or "").startswith("-"))
    link = link_header(page, found["next_cursor"], found["prev_cursor"])
    if link:
        response.headers["Link"] = link
    return found


@router.get(
    "",
    operation_id="listEvents",
    summary="Follow the event log",
    response_model=EventLog,
    dependencies=[requires(Permission.EVENTS_READ)],
    responses=documents(InvalidCursor, TooManyStreams, StreamsUnavailable),
)
@answers_also({cloud_events.BATCH_MEDIA: cloud_events.CloudEventBatch})
async def list_events(
    *,
    request: Request,
    principal: PrincipalDep,
    database: DatabaseDep,
    following: FollowingDep,
    after: Annotated[
        CursorText | None,
        Query(
            description="From `next_cursor` or `complete_through` of the same filters; `latest` for from now on; the "
            "beginning when left out."
        ),
    ] = None,
    type: EventTypes | None = None,  # noqa: A002 - its public name
    ticket_id: Annotated[TicketId | None, Query(description="Only events of this ticket.")] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Events in one answer; 50 when left out.")
    ] = DEFAULT_LIMIT,
    wait: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_WAIT_SECONDS,
            description="Seconds to wait for the first event when there is none; 0, not at all, when left out.",
        ),
    ] = 0,
    format: Annotated[  # noqa: A002 - its public name
        Literal["cloudevents"] | None,
        Query(description="As a batch of CloudEvents 1.0; also when `Accept` asks for it."),
    ] = None,
) -> Any:
    """In one fixed order, each exactly once for a reader who goes on from `complete_through`: no event is ever added
    before it. What the caller may read is judged when it is read; events of users, teams and configuration are for
    administrators.

    An event is kept for as long as its ticket, and one about no ticket for good: histories and service levels are read
    from the same log, so nothing ever leaves it by age, and a cursor never grows too old.
    """
    asked = queries.Question(frozenset(type.split(",") if type else ()), ticket_id)
    start = await _start(database, principal, asked, after)
    poll = LongPoll(database, following, request.app.state.authenticator, token=token_of(request), limit=limit)
    page = await poll.answer(principal, asked, start, wait)
    return cloud_events.batch(request, page) if format or cloud_events.is_wanted(request) else page


async def _start(database: Database, principal: Principal, asked: queries.Question, after: str | None) -> int:
    if after == LATEST:
        async with database.reads() as reads:
            return await last_position(reads)
    return queries.position_of(principal, asked, after) if after is not None else 0


@router.get(
    "/{event_id}",
    operation_id="getEvent",
    summary="Read an event",
    response_model=Event,
    dependencies=[requires(Permission.EVENTS_READ)],
    responses=documents(EventNotFound),
)
async def get_event(event_id: EventId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """One that is in the log already."""
    found = await queries.get_event(reads, principal, event_id)
    # Facts do not change; what the caller may see of one does.
    side = "internal" if found["internal_changes"] is not None else "public"
    set_etag(response, f'"{side}"' if found["sequence"] is None else f'"{side}-{found["sequence"]}"')
    return found


ROUTERS = (history_router, router)
