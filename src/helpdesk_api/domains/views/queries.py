"""Reads of views, and of what they show."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Checked, Every, InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.conditions.tree import Node, read_tree
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets import search
from helpdesk_api.domains.views import policy
from helpdesk_api.domains.views.enums import ViewAction, ViewRefusal, ViewScope
from helpdesk_api.domains.views.errors import ViewNotFound
from helpdesk_api.domains.views.models import View
from helpdesk_api.web.listing import whole_page

# Of one's own, of a team, and of the shared ones, each for itself.
MAX_VIEWS = 200
COUNTED_VIEWS = 200
COUNT_LIMIT = 1_000
_COLUMNS = tuple(View.__table__.c)


def _readable(principal: Principal) -> Select[Any]:
    return select(*_COLUMNS).where(policy.readable(principal))


async def list_views(reads: ReadSession, principal: Principal) -> dict[str, Any]:
    """All of them: what bounds them is how many are saved."""
    rows = await reads.fetch(_readable(principal).order_by(func.lower(View.name), View.id))
    return whole_page([shown(principal, row) for row in rows])


def shown(principal: Principal, view: Any) -> dict[str, Any]:
    """A view, or a row of one, as its reader may see it."""
    values = {column.name: _of(view, column.name) for column in _COLUMNS}
    reason = None
    if not principal.has(Permission.TICKETS_WRITE):
        reason = ViewRefusal.SCOPE_MISSING
    elif not policy.may_write(principal, ViewScope(values["scope"]), values["owner_id"], values["team_id"]):
        reason = ViewRefusal.NOT_PERMITTED
    actions: list[dict[str, Any]] = [
        {"action": action, "allowed": reason is None, "reason_code": reason, "required_fields": []}
        for action in ViewAction
    ]
    return {**values, "allowed_actions": actions}


def _of(view: Any, name: str) -> Any:
    return getattr(view, name) if isinstance(view, View) else view[name]


async def get_view(reads: ReadSession, principal: Principal, view_id: UUID) -> Any:
    """Raises `view_not_found`."""
    row = await reads.fetch_one(_readable(principal).where(View.id == view_id))
    if row is None:
        raise ViewNotFound
    return row


async def lock_view(session: AsyncSession, principal: Principal, view_id: UUID) -> View:
    """Raises `view_not_found`."""
    statement = select(View).where(View.id == view_id, policy.readable(principal)).with_for_update()
    found: View | None = await session.scalar(statement)
    if found is None:
        raise ViewNotFound
    return found


async def asked_by(reads: ReadSession, principal: Principal, view: Any) -> search.Question:
    """The view's question as this caller asks it. Raises `invalid_conditions` and `invalid_query`."""
    return await search.read_question(reads, principal, conditions=_conditions(view), query=view["query"])


def _conditions(view: Any) -> Node | None:
    return read_tree(view["conditions"]) if view["conditions"] is not None else None


def read_view(principal: Principal, view: Any, known: search.Known) -> Checked:
    """The question of a view whose words were looked up. Raises `invalid_conditions` and `invalid_query`."""
    parts: list[Checked] = []
    if (conditions := _conditions(view)) is not None:
        parts.append(search.read_conditions(principal, conditions, known.kinds))
    if view["query"] is not None:
        parts.append(search.read_known(principal, view["query"], known))
    return Every(tuple(parts))


async def know(reads: ReadSession, principal: Principal, views: Sequence[Any]) -> search.Known:
    """What the words of the views' questions mean to the caller; of a view that cannot be read any more, nothing."""
    queries = [view["query"] for view in views if view["query"] is not None]
    conditions: list[Node] = []
    for view in views:
        with suppress(ValidationError):
            conditions += [found] if (found := _conditions(view)) is not None else []
    return await search.know(reads, principal, queries, conditions)


async def count_tickets(reads: ReadSession, principal: Principal, ids: Sequence[UUID] | None) -> dict[str, Any]:
    """Of these views or the first of the caller's: one statement for the views, one for all counts, and one between
    them for the names in the queries, if there are any; custom fields are known by heart."""
    found = _readable(principal).order_by(func.lower(View.name), View.id).limit(COUNTED_VIEWS + 1)
    if ids is not None:
        found = found.where(View.id.in_(ids))
    rows = await reads.fetch(found)
    views = rows[:COUNTED_VIEWS]
    known = await know(reads, principal, views)
    asked: dict[UUID, Checked] = {}
    for view in views:
        try:
            asked[view["id"]] = read_view(principal, view, known)
        except (InvalidConditions, InvalidQuery, ValidationError):
            # A word that a later release dropped; the view itself says what is wrong when it is opened.
            continue
    counts = await tickets.count_each(reads, principal, list(asked.values()), limit=COUNT_LIMIT)
    by_view = dict(zip(asked, counts, strict=True))
    counted = whole_page([_counted(view["id"], by_view.get(view["id"])) for view in views])
    return {**counted, "total_is_exact": len(rows) == len(views)}


def _counted(view_id: UUID, count: int | None) -> dict[str, Any]:
    exact = count is None or count <= COUNT_LIMIT
    return {"view_id": view_id, "count": None if count is None else min(count, COUNT_LIMIT), "is_exact": exact}
