"""Changing canned responses, and filling one in."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.turns import take_turn
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.canned_responses import events, queries
from helpdesk_api.domains.canned_responses.errors import TooManyCannedResponses
from helpdesk_api.domains.canned_responses.models import CannedResponse
from helpdesk_api.domains.canned_responses.schemas import CannedResponseCreate, CannedResponseUpdate
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.tickets.placeholders import OFFERED, ticket_values
from helpdesk_api.domains.tickets.queries import get_row
from helpdesk_api.domains.tickets.sharing import check_sharing, readable, require_writer
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.markdown import rendered
from helpdesk_api.web.placeholders import check_template, fill_template


async def create_response(
    session: AsyncSession, database: Database, principal: Principal, body: CannedResponseCreate
) -> CannedResponse:
    """Raises what `check_sharing` does, `invalid_template`, `unknown_reference` and `too_many_canned_responses`."""
    await check_sharing(session, principal, body.scope, body.team_id)
    await _check(database, body.body, body.category_id)
    # The shared ones are in everybody's count.
    await take_turn(session, CannedResponse.__tablename__)
    mine = select(func.count()).select_from(CannedResponse).where(readable(principal, CannedResponse))
    if (await session.scalar(mine) or 0) >= queries.MAX_RESPONSES:
        raise TooManyCannedResponses
    now = clock.now()
    response = CannedResponse(
        id=new_id(), owner_id=principal.user_id, created_at=now, updated_at=now, version=1, **body.model_dump()
    )
    session.add(response)
    await session.flush()
    await _record(session, principal, response, events.CannedResponseCreated, {"title": (None, response.title)})
    return response


async def update_response(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    response: CannedResponse,
    body: CannedResponseUpdate,
) -> None:
    """Raises `sharing_forbidden`, `invalid_template` and `unknown_reference`."""
    _require(principal, response)
    values = body.model_dump(exclude_unset=True)
    await _check(database, values.get("body"), values.get("category_id"))
    changed = {name: value for name, value in values.items() if getattr(response, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(response, name, value)
    response.version += 1
    response.updated_at = clock.now()
    await session.flush()
    await _record(
        session,
        principal,
        response,
        events.CannedResponseUpdated,
        {"version": (response.version - 1, response.version)},
    )


async def delete_response(session: AsyncSession, principal: Principal, response: CannedResponse) -> None:
    """Raises `sharing_forbidden`."""
    _require(principal, response)
    await session.delete(response)
    await _record(session, principal, response, events.CannedResponseDeleted, {"title": (response.title, None)})


async def render_response(session: AsyncSession, principal: Principal, response_id: UUID, key: str) -> dict[str, Any]:
    """Raises `canned_response_not_found`, `ticket_not_found`, `invalid_template` and `template_limit_reached`."""
    reads = await statements_of(session)
    response = await queries.get_response(reads, principal, response_id)
    row = await get_row(reads, principal, key)
    text = fill_template(response["body"], OFFERED, await ticket_values(reads, principal, row))
    return {"ticket_id": row["id"], "body": text, "body_html": await rendered(text)}


async def _check(database: Database, body: str | None, category_id: UUID | None) -> None:
    if body is not None:
        check_template(body, OFFERED)
    if category_id is not None and await categories.category(database, category_id) is None:
        raise UnknownReference(pointer="#/category_id")


def _require(principal: Principal, response: CannedResponse) -> None:
    require_writer(principal, response.scope, response.owner_id, response.team_id)


async def _record(
    session: AsyncSession,
    principal: Principal,
    response: CannedResponse,
    kind: type[events.CannedResponseEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=response.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"title": response.title, "scope": response.scope.value},
        entity=response,
    )
    await record(session, principal, event)
