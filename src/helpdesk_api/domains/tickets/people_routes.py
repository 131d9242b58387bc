"""Participants and watchers of a ticket over HTTP."""

from typing import Any

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import UserId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.tickets import errors, people, queries
from helpdesk_api.domains.tickets.models import TicketParticipant, TicketWatcher
from helpdesk_api.domains.tickets.people_schemas import ParticipantPage, WatcherPage
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import get_followed_work
from helpdesk_api.web.errors import NotFound, documents
from helpdesk_api.web.listing import whole_page
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/tickets/{ticket_id}", tags=["tickets"])
READ = [requires(Permission.TICKETS_READ)]
WRITE = [requires(Permission.TICKETS_WRITE)]
_VERB_ERRORS = (*errors.CHANGE_ERRORS, errors.ActionForbidden, errors.TransitionNotAllowed)


@router.get(
    "/participants",
    operation_id="listTicketParticipants",
    summary="List who was added",
    response_model=ParticipantPage,
    dependencies=READ,
    responses=documents(errors.TicketNotFound),
)
async def list_participants(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """At most 200, oldest first."""
    row, _ = await queries.get_followed_row(reads, principal, ticket_id)
    return whole_page(await queries.list_people(reads, TicketParticipant, row["id"]))


@router.put(
    "/participants/{user_id}",
    operation_id="addTicketParticipant",
    summary="Add somebody",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_VERB_ERRORS, NotFound),
)
async def add_participant(
    visible: VisibleTicketDep,
    user_id: UserId,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
) -> None:
    """They see the public side from now on, and may reply. Adding twice is the same as once."""
    await people.add_participant(session, database, principal, visible.ticket, user_id)


@router.delete(
    "/participants/{user_id}",
    operation_id="removeTicketParticipant",
    summary="Remove somebody",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_VERB_ERRORS, errors.ParticipantNotFound),
)
async def remove_participant(
    visible: VisibleTicketDep,
    user_id: UserId,
    principal: PrincipalDep,
    session: SessionDep,
) -> None:
    """Anybody may remove themselves."""
    await people.remove_participant(session, principal, visible.ticket, user_id)


@router.put(
    "/collaborators/{user_id}",
    operation_id="shareTicket",
    summary="Share with somebody of another team",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_VERB_ERRORS, NotFound, errors.CollaboratorNotStaff, errors.TooManyCollaborators),
)
async def share_ticket(
    visible: VisibleTicketDep,
    user_id: UserId,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
) -> None:
    """They see all of it and work on it from now on, as the ticket's own team does, and are told by mail. Who they are
    is in `collaborator_ids`."""
    await people.share(session, database, principal, visible.ticket, user_id)


@router.delete(
    "/collaborators/{user_id}",
    operation_id="unshareTicket",
    summary="Stop sharing",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_VERB_ERRORS, errors.CollaboratorNotFound),
)
async def unshare_ticket(
    visible: VisibleTicketDep,
    user_id: UserId,
    principal: PrincipalDep,
    session: SessionDep,
) -> None:
    """Anybody may remove themselves."""
    await people.unshare(session, principal, visible.ticket, user_id)


@router.get(
    "/watchers",
    operation_id="listTicketWatchers",
    summary="List who watches",
    response_model=WatcherPage,
    dependencies=READ,
    responses=documents(errors.TicketNotFound, errors.ActionForbidden),
)
async def list_watchers(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """For those who work on the ticket."""
    row = await get_followed_work(reads, principal, ticket_id)
    return whole_page(await queries.list_people(reads, TicketWatcher, row["id"]))


@router.put(
    "/watchers/{user_id}",
    operation_id="watchTicket",
    summary="Watch",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*errors.CHANGE_ERRORS, errors.ActionForbidden, NotFound),
)
async def watch_ticket(
    visible: VisibleTicketDep, user_id: UserId, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> None:
    """Be told of news. Watching grants no sight of what the watcher may not read."""
    await people.watch(session, database, principal, visible.ticket, user_id)


@router.delete(
    "/watchers/{user_id}",
    operation_id="unwatchTicket",
    summary="Stop watching",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*errors.CHANGE_ERRORS, errors.ActionForbidden, errors.WatcherNotFound),
)
async def unwatch_ticket(
    visible: VisibleTicketDep,
    user_id: UserId,
    principal: PrincipalDep,
    session: SessionDep,
) -> None:
    """One's own watch; staff also others'."""
    await people.unwatch(session, principal, visible.ticket, user_id)


ROUTERS = (router,)
