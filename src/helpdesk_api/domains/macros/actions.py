"""Changing macros."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.tree import Node, as_json
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.bulk.steps import TicketStep
from helpdesk_api.domains.macros import events, queries
from helpdesk_api.domains.macros.applying import check_step
from helpdesk_api.domains.macros.errors import TooManyMacros
from helpdesk_api.domains.macros.models import Macro
from helpdesk_api.domains.macros.schemas import MacroCreate, MacroUpdate
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.search import asker
from helpdesk_api.domains.tickets.sharing import check_sharing, count_same, require_writer
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record


async def create_macro(session: AsyncSession, principal: Principal, body: MacroCreate) -> Macro:
    """Raises what `check_sharing` does, `invalid_template`, `invalid_conditions` and `too_many_macros`."""
    await check_sharing(session, principal, body.scope, body.team_id)
    if await count_same(session, Macro, body.scope, principal.user_id, body.team_id) >= queries.MAX_MACROS:
        raise TooManyMacros
    now = clock.now()
    macro = Macro(
        id=new_id(),
        title=body.title,
        description=body.description,
        scope=body.scope,
        team_id=body.team_id,
        conditions=_conditions(principal, body.conditions),
        steps=_steps(body.steps),
        owner_id=principal.user_id,
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(macro)
    await session.flush()
    await _record(session, principal, macro, events.MacroCreated, {"title": (None, macro.title)})
    return macro


async def update_macro(session: AsyncSession, principal: Principal, macro: Macro, body: MacroUpdate) -> None:
    """Raises `sharing_forbidden`, `invalid_template` and `invalid_conditions`."""
    _require(principal, macro)
    values: dict[str, Any] = body.model_dump(exclude_unset=True, exclude={"conditions", "steps"})
    if "conditions" in body.model_fields_set:
        values["conditions"] = _conditions(principal, body.conditions)
    if "steps" in body.model_fields_set:
        values["steps"] = _steps(body.steps)
    changed = {name: value for name, value in values.items() if getattr(macro, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(macro, name, value)
    macro.version += 1
    macro.updated_at = clock.now()
    await session.flush()
    await _record(session, principal, macro, events.MacroUpdated, {"version": (macro.version - 1, macro.version)})


async def delete_macro(session: AsyncSession, principal: Principal, macro: Macro) -> None:
    """Raises `sharing_forbidden`."""
    _require(principal, macro)
    await session.delete(macro)
    await _record(session, principal, macro, events.MacroDeleted, {"title": (macro.title, None)})


def _conditions(principal: Principal, node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    check(node, TICKET, asker=asker(principal))
    return as_json(node)


def _steps(steps: list[TicketStep]) -> list[dict[str, Any]]:
    found = [step.model_dump(mode="json", exclude_unset=True) for step in steps]
    for place, step in enumerate(found):
        check_step(step, f"#/steps/{place}/body")
    return found


def _require(principal: Principal, macro: Macro) -> None:
    require_writer(principal, macro.scope, macro.owner_id, macro.team_id)


async def _record(
    session: AsyncSession,
    principal: Principal,
    macro: Macro,
    kind: type[events.MacroEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=macro.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"title": macro.title, "scope": macro.scope.value},
        entity=macro,
    )
    await record(session, principal, event)
