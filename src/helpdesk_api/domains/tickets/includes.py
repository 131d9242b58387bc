"""`include=`: what a ticket shows of other records, once per record, at most one statement each.

Domains above the tickets register theirs through `wiring.INCLUDES`; tickets import nothing above themselves.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import String, bindparam, cast, func, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id, public_id_sql
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.enums import TicketInclude
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.representation import distinct
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.errors import FieldError, ValidationFailed

Records = Mapping[str, str]
Fetch = Callable[[ReadSession, Principal, Sequence[Any]], Awaitable[Records]]


@dataclass(frozen=True)
class Include:
    """Under which name of `included` the records stand, and how they are read: JSON text by public id."""

    bucket: str
    fetch: Fetch


_GIVEN = bindparam("ids", type_=IDS)
_registered: dict[str, Include] = {}
BUCKETS = ("users", "teams", "categories", "comments", "slas", "links", "expectations")
_USER_COLUMNS = {
    "requester": "requester_id",
    "submitter": "submitter_id",
    "assignee": "assignee_id",
}
NAMES = tuple(name.value for name in TicketInclude)


def register_includes(includes: Mapping[str, Include]) -> None:
    """Called once by the process with `wiring.INCLUDES`."""
    _registered.update(includes)


def parse_include(text: str | None) -> list[str]:
    """Raises `validation_failed` for a name that is not offered."""
    names = list(dict.fromkeys((text or "").split(","))) if text else []
    for name in names:
        if name not in NAMES:
            raise ValidationFailed(
                errors=[
                    FieldError(
                        "unknown_include",
                        f"`{name[:50]}` is not one of {', '.join(NAMES)}",
                        parameter="include",
                    )
                ]
            )
    return names


async def included_json(
    reads: ReadSession, principal: Principal, names: Sequence[str], rows: Sequence[Any]
) -> str | None:
    """The `included` object for these rows, or None when nothing was asked for."""
    if not names:
        return None
    buckets: dict[str, dict[str, str]] = {bucket: {} for bucket in BUCKETS}
    people = [_USER_COLUMNS[name] for name in names if name in _USER_COLUMNS]
    user_ids = distinct(rows, *people)
    if TicketInclude.COLLABORATORS in names:
        user_ids += [user_id for row in rows if row["internal"] for user_id in row["collaborator_ids"]]
    buckets["users"] |= await _users(reads, user_ids)
    if "team" in names:
        buckets["teams"] |= await _teams(reads, distinct(rows, "team_id"))
    if "category" in names:
        buckets["categories"] |= await _categories(reads, distinct(rows, "category_id"))
    for name in names:
        if name in _registered:
            include = _registered[name]
            buckets[include.bucket] |= await include.fetch(reads, principal, rows)
    parts = []
    for bucket, records in buckets.items():
        members = ",".join(f'"{key}":{value}' for key, value in records.items())
        parts.append(f'"{bucket}":{{{members}}}')
    return "{" + ",".join(parts) + "}"


@cache
def _users_read() -> CompiledStatement:
    return CompiledStatement(select(User.id, User.name).where(any_of(User.id, _GIVEN)))


@cache
def _teams_read() -> CompiledStatement:
    return CompiledStatement(select(Team.id, Team.name).where(any_of(Team.id, _GIVEN)))


@cache
def _categories_read() -> CompiledStatement:
    body = func.json_build_object(
        "id",
        public_id_sql("cat", Category.id),
        "name",
        Category.name,
        "parent_id",
        public_id_sql("cat", Category.parent_id),
    )
    return CompiledStatement(select(Category.id, cast(body, String).label("body")).where(any_of(Category.id, _GIVEN)))


async def _users(reads: ReadSession, ids: list[UUID]) -> dict[str, str]:
    if not ids:
        return {}
    rows = await reads.fetch(_users_read(), {"ids": ids})
    return _labelled("usr", rows)


async def _teams(reads: ReadSession, ids: list[UUID]) -> dict[str, str]:
    if not ids:
        return {}
    rows = await reads.fetch(_teams_read(), {"ids": ids})
    return _labelled("tea", rows)


async def _categories(reads: ReadSession, ids: list[UUID]) -> dict[str, str]:
    if not ids:
        return {}
    rows = await reads.fetch(_categories_read(), {"ids": ids})
    return {public_id("cat", row["id"]): row["body"] for row in rows}


def _labelled(prefix: str, rows: Sequence[Any]) -> dict[str, str]:
    found = {}
    for row in rows:
        key = public_id(prefix, row["id"])
        found[key] = json.dumps({"id": key, "name": row["name"]}, ensure_ascii=False)
    return found
