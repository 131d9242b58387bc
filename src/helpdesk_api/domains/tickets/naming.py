"""Whom a name in a question means: people, teams, categories and organizations, as far as the caller knows of them.

Staff know everybody. A requester knows who and what their own tickets show; of others they learn nothing, neither by an
answer nor by the lack of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    bindparam,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.query_language import Named, Names
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.organizations.models import Organization
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User

PREFIXES: Final = ("usr", "tea", "cat", "org")
MAX_NEAR: Final = 3
_MAX_MEANT: Final = 6
_MODELS: Final[dict[str, Any]] = {"usr": User, "tea": Team, "cat": Category, "org": Organization}
_ON_TICKETS: Final[dict[str, tuple[InstrumentedAttribute[Any], ...]]] = {
    "usr": (Ticket.requester_id, Ticket.submitter_id, Ticket.assignee_id),
    "tea": (Ticket.team_id,),
    "org": (Ticket.organization_id,),
}


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """Of which kinds the caller knows every record."""

    shape: policy.CallerShape
    people: bool
    teams: bool
    organizations: bool

    def has_all(self, prefix: str) -> bool:
        return {"usr": self.people, "tea": self.teams, "org": self.organizations}.get(prefix, True)


def _knowledge(principal: Principal) -> _Knowledge:
    return _Knowledge(
        policy.shape_of(principal),
        people=principal.is_staff and principal.has(Permission.USERS_READ),
        teams=principal.is_staff and principal.has(Permission.TEAMS_READ),
        organizations=principal.is_staff and principal.has(Permission.ORGANIZATIONS_READ),
    )


async def look_up(reads: ReadSession, principal: Principal, asked: Sequence[tuple[str, str]]) -> Names:
    """By e-mail address first, then by name whatever its case; at most six for each. One statement, or none."""
    if not asked:
        return {}
    names: dict[str, list[str]] = {prefix: [] for prefix in PREFIXES}
    for prefix, name in dict.fromkeys(asked):
        names[prefix].append(name)
    rows = await reads.fetch(_look_up(_knowledge(principal)), {**policy.caller_parameters(principal), **names})
    found: dict[tuple[str, str], list[Named]] = {}
    exact: set[tuple[str, str]] = set()
    for row in rows:
        key = (row["prefix"], row["asked"])
        if row["by_address"]:
            exact.add(key)
        if row["by_address"] or key not in exact:
            found.setdefault(key, []).append(Named(row["id"], row["name"]))
    return found


async def near(reads: ReadSession, principal: Principal, prefix: str, name: str) -> list[str]:
    """Names that are spelt much like this one, at most three."""
    read = _near(_knowledge(principal), prefix)
    rows = await reads.fetch(read, {**policy.caller_parameters(principal), "name": name})
    return [row["name"] for row in rows]


@lru_cache(maxsize=64)
def _look_up(knowledge: _Knowledge) -> CompiledStatement:
    return CompiledStatement(union_all(*[_of_kind(knowledge, prefix) for prefix in PREFIXES]))


def _of_kind(knowledge: _Knowledge, prefix: str) -> Select[Any]:
    model = _MODELS[prefix]
    given = (
        func.unnest(bindparam(prefix, type_=ARRAY(Text))).table_valued("asked", name=f"{prefix}_asked").render_derived()
    )
    wanted = func.lower(given.c.asked)
    by_name: ColumnElement[bool] = func.lower(model.name) == wanted
    by_address: ColumnElement[bool] = false()
    order: list[Any] = [model.name, model.id]
    if prefix == "usr":
        by_address = func.lower(User.email) == wanted
        order.insert(0, by_address.desc().nulls_last())
        if not knowledge.people:
            # An address is nothing that a ticket shows; one's own is no secret.
            by_address &= User.id == knowledge.shape.user_id
    meant = (
        select(model.id, model.name, by_address.label("by_address"))
        .where(or_(by_name, by_address), _is_known(knowledge, prefix))
        .order_by(*order)
        .limit(literal_column(str(_MAX_MEANT)))
        .lateral(f"{prefix}_meant")
    )
    columns = literal(prefix, Text).label("prefix"), given.c.asked, meant.c.id, meant.c.name, meant.c.by_address
    return select(*columns).select_from(given.join(meant, true()))


def _is_known(knowledge: _Knowledge, prefix: str) -> ColumnElement[bool]:
    if knowledge.has_all(prefix):
        return true()
    shape, model = knowledge.shape, _MODELS[prefix]
    shows = or_(*[column == model.id for column in _ON_TICKETS[prefix]])
    known = exists(select(Ticket.id).where(shows, policy.readable(shape)).correlate(model))
    if prefix == "usr":
        return or_(User.id == shape.user_id, known)
    return or_(Organization.id == shape.organization_id, known) if prefix == "org" else known


@lru_cache(maxsize=64)
def _near(knowledge: _Knowledge, prefix: str) -> CompiledStatement:
    model, name = _MODELS[prefix], bindparam("name", type_=Text)
    likeness = func.similarity(model.name, name)
    return CompiledStatement(
        select(model.name)
        .where(model.name.bool_op("%")(name), _is_known(knowledge, prefix))
        .group_by(model.name)
        .order_by(likeness.desc(), model.name)
        .limit(literal_column(str(MAX_NEAR)))
    )
