"""Changing views."""

from collections.abc import Collection, Iterable
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.conditions.tree import Node, as_json
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.teams.queries import require_known_and_takes_tickets
from helpdesk_api.domains.tickets import search
from helpdesk_api.domains.tickets.custom_conditions import require_known
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText
from helpdesk_api.domains.tickets.filters import RELEVANCE
from helpdesk_api.domains.tickets.full_text import texts_in
from helpdesk_api.domains.tickets.ranking import Order
from helpdesk_api.domains.tickets.sharing import count_same
from helpdesk_api.domains.views import events, policy
from helpdesk_api.domains.views.enums import ViewColumn, ViewScope
from helpdesk_api.domains.views.errors import TooManyViews, ViewForbidden, ViewTeamRequired
from helpdesk_api.domains.views.models import View
from helpdesk_api.domains.views.queries import MAX_VIEWS, asked_by
from helpdesk_api.domains.views.schemas import ViewCreate, ViewUpdate
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record

_OF_ORDER = frozenset({"sort", "query", "conditions"})
_STANDARD = [ViewColumn.REFERENCE, ViewColumn.SUBJECT, ViewColumn.STATUS, ViewColumn.PRIORITY]


async def create_view(session: AsyncSession, principal: Principal, body: ViewCreate) -> View:
    """Raises `view_team_required`, `view_forbidden`, `too_many_views`, `unknown_reference`, `unknown_sort`,
    `relevance_needs_text`, `invalid_conditions` and `invalid_query`."""
    if (body.scope is ViewScope.TEAM) != (body.team_id is not None):
        raise ViewTeamRequired(pointer="#/team_id")
    if body.team_id is not None:
        await require_known_and_takes_tickets(session, body.team_id, "#/team_id")
    if not policy.may_write(principal, body.scope, principal.user_id, body.team_id):
        raise ViewForbidden
    if await count_same(session, View, body.scope, principal.user_id, body.team_id) >= MAX_VIEWS:
        raise TooManyViews
    values = await _checked(session, principal, body.model_dump(exclude={"conditions"}), body.conditions)
    values["columns"] = _without_repeats(body.columns or _STANDARD)
    now = clock.now()
    view = View(id=new_id(), owner_id=principal.user_id, created_at=now, updated_at=now, version=1, **values)
    session.add(view)
    await session.flush()
    await _record(session, principal, view, events.ViewCreated, {"name": (None, view.name)})
    return view


async def update_view(session: AsyncSession, principal: Principal, view: View, body: ViewUpdate) -> None:
    """Raises `view_forbidden`, `unknown_sort`, `relevance_needs_text`, `invalid_conditions` and `invalid_query`."""
    _require(principal, view)
    given = body.model_dump(exclude_unset=True, exclude={"conditions"})
    values = await _checked(session, principal, given, body.conditions, held=view, changed=body.model_fields_set)
    if "conditions" not in body.model_fields_set:
        values.pop("conditions")
    if "columns" in values:
        values["columns"] = _without_repeats(values["columns"])
    changes = {name: (getattr(view, name), value) for name, value in values.items() if getattr(view, name) != value}
    if not changes:
        return
    for name, value in values.items():
        setattr(view, name, value)
    view.version += 1
    view.updated_at = clock.now()
    await session.flush()
    await _record(session, principal, view, events.ViewUpdated, changes)


async def delete_view(session: AsyncSession, principal: Principal, view: View) -> None:
    """Raises `view_forbidden`."""
    _require(principal, view)
    await session.delete(view)
    await _record(session, principal, view, events.ViewDeleted, {"name": (view.name, None)})


def _without_repeats(columns: Iterable[ViewColumn]) -> list[str]:
    return list(dict.fromkeys(column.value for column in columns))


def _require(principal: Principal, view: View) -> None:
    if not policy.may_write(principal, view.scope, view.owner_id, view.team_id):
        raise ViewForbidden


async def _checked(
    session: AsyncSession,
    principal: Principal,
    values: dict[str, Any],
    conditions: Node | None,
    *,
    held: View | None = None,
    changed: Collection[str] = (),
) -> dict[str, Any]:
    """What is given alone: a part that a later release cannot read does not stand in the way of another's change."""
    reads = await statements_of(session)
    if (key := Order(values.get("sort")).custom_key) is not None:
        await require_known(reads, principal, key, "#/sort")
    asked = await search.read_question(reads, principal, conditions=conditions, query=values.get("query"))
    sort = values.get("sort", held.sort if held is not None else None)
    is_asked_anew = held is None or not _OF_ORDER.isdisjoint(changed)
    if sort == RELEVANCE and is_asked_anew and not any(texts_in(asked.checked, wanted_only=True)):
        kept = {name: getattr(held, name) for name in ("query", "conditions") if held and name not in changed}
        if not await _has_text(reads, principal, kept):
            raise RelevanceNeedsText(pointer="#/sort")
    return {**values, "conditions": as_json(conditions) if conditions is not None else None}


async def _has_text(reads: ReadSession, principal: Principal, kept: dict[str, Any]) -> bool:
    """Whether the kept parts of a view's question look for a text. What cannot be read any more may have."""
    try:
        asked = await asked_by(reads, principal, {"query": None, "conditions": None, **kept})
    except (InvalidConditions, InvalidQuery, ValidationError):
        return True
    return any(texts_in(asked.checked, wanted_only=True))


async def _record(
    session: AsyncSession,
    principal: Principal,
    view: View,
    kind: type[events.ViewEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=view.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"name": view.name, "scope": view.scope.value},
        entity=view,
    )
    await record(session, principal, event)
