"""Reads of SLA policies, and the compiled copies that decide what is promised."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.conditions.checking import InvalidConditions, check
from helpdesk_api.conditions.predicate import compile_predicate
from helpdesk_api.conditions.tree import read_tree
from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.calendar_queries import timelines, timelines_within
from helpdesk_api.domains.sla.clock_state import Plan, Step
from helpdesk_api.domains.sla.enums import Metric, PolicyKind, VersionState
from helpdesk_api.domains.sla.errors import SlaPolicyNotFound, SlaPolicyVersionNotFound
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_rules import Definition, Pause, Policies, Policy, PublishedVersion, Target
from helpdesk_api.domains.sla.policy_schemas import SlaDefinition, WarningByPercent
from helpdesk_api.domains.sla.rules import Timeline
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, whole_page

logger = structlog.get_logger(__name__)
POLICIES = "sla_policies"
_DEFINED = ("description", "conditions", "calendar_id", "targets", "pauses", "warnings", "escalations")
_HEAD = (
    SlaPolicy.id,
    SlaPolicy.name,
    SlaPolicy.kind,
    SlaPolicy.team_id,
    SlaPolicy.position,
    SlaPolicy.archived_at,
    SlaPolicy.created_at,
    SlaPolicy.updated_at,
    SlaPolicy.version,
)
_VERSION = (
    SlaPolicyVersion.number,
    SlaPolicyVersion.state,
    SlaPolicyVersion.effective_from,
    SlaPolicyVersion.definition,
    SlaPolicyVersion.created_by_id,
    SlaPolicyVersion.published_by_id,
    SlaPolicyVersion.created_at,
    SlaPolicyVersion.updated_at,
    SlaPolicyVersion.published_at,
)


@dataclass(frozen=True)
class Promises:
    """The policies and calendars that hold, as one process knows them."""

    policies: Policies
    hours: Mapping[UUID, Timeline]

    @property
    def fields(self) -> frozenset[str]:
        return self.policies.fields

    def plan(self, ticket: Any, at: datetime) -> Plan:
        """What the policies in force at this instant promise for a ticket as it is."""
        return self.policies.plan(ticket, at)

    def steps_of(self, row: Any) -> Sequence[Step]:
        return self.policies.steps(row.policy_id, row.policy_number, row.metric)


def compiled(definition: Mapping[str, Any]) -> Definition:
    """A stored definition as the rules take it. Raises ValueError or `InvalidConditions` for one that is unreadable."""
    body = SlaDefinition.model_validate(definition)
    conditions = definition.get("conditions")
    matches = _always if conditions is None else compile_predicate(check(read_tree(conditions), TICKET))
    return Definition(
        matches=matches,
        fields=frozenset(_fields_of(conditions)),
        calendar_id=body.calendar_id,
        targets=tuple(Target(one.metric, one.priority, one.type, one.seconds) for one in body.targets),
        pauses={
            pause.metric: Pause(
                frozenset(pause.statuses),
                frozenset(pause.pending_reasons) if pause.pending_reasons is not None else None,
            )
            for pause in body.pauses
        },
        steps={metric: tuple(_steps(body, metric)) for metric in Metric},
    )


def _steps(body: SlaDefinition, metric: Metric) -> Iterator[Step]:
    # The same twice is two steps.
    seen: Counter[str] = Counter()
    for step in _written_steps(body, metric):
        seen[step.what] += 1
        again = seen[step.what]
        yield step if again == 1 else replace(step, does=f"{step.does} {again}".lstrip())


def _written_steps(body: SlaDefinition, metric: Metric) -> Iterator[Step]:
    for n, warning in enumerate(body.warnings):
        if isinstance(warning, WarningByPercent):
            yield Step(f"warning:{n}", percent=warning.percent)
        else:
            yield Step(f"warning:{n}", offset=-timedelta(seconds=warning.seconds_before))
    for n, step in enumerate(body.escalations):
        if step.metric in (None, metric):
            # Without what is null: fields that a later release adds make no other step of it.
            actions = [action.model_dump(mode="json", exclude_none=True) for action in step.actions]
            digest = sha256(json.dumps(actions, sort_keys=True).encode()).hexdigest()[:16]
            yield Step(f"escalation:{n}", offset=timedelta(seconds=step.offset_seconds), does=digest)


def _always(ticket: Any) -> bool:
    del ticket
    return True


def _fields_of(conditions: Any) -> Iterable[str]:
    if isinstance(conditions, dict):
        if "field" in conditions:
            yield conditions["field"]
        for part in conditions.values():
            yield from _fields_of(part)
    elif isinstance(conditions, list):
        for part in conditions:
            yield from _fields_of(part)


async def _load_policies(reads: ReadSession, key: str) -> Policies:
    del key
    published = (
        select(SlaPolicyVersion.policy_id, *_VERSION)
        .where(SlaPolicyVersion.state == VersionState.PUBLISHED)
        .order_by(SlaPolicyVersion.effective_from, SlaPolicyVersion.number)
    )
    versions: dict[UUID, list[PublishedVersion]] = {}
    for row in await reads.fetch(published):
        try:
            definition = compiled(row["definition"])
        except (ValueError, InvalidConditions) as error:
            # A field that a later release dropped must not stop tickets from being opened.
            logger.warning("sla_policy_unreadable", policy_id=str(row["policy_id"]), error=str(error))
            continue
        version = PublishedVersion(row["number"], row["effective_from"], definition)
        versions.setdefault(row["policy_id"], []).append(version)
    rows = await reads.fetch(select(*_HEAD).order_by(SlaPolicy.position, SlaPolicy.id))
    return Policies(
        [
            Policy(row["id"], PolicyKind(row["kind"]), row["team_id"], row["archived_at"], tuple(versions[row["id"]]))
            for row in rows
            if row["id"] in versions
        ]
    )


_policies: InvalidatedCache[Policies] = InvalidatedCache(POLICIES, _load_policies)


async def promises_within(session: AsyncSession) -> Promises:
    """No statement while both caches are warm."""
    return Promises(await _policies.get_within(session), await timelines_within(session))


async def promises(database: Database) -> Promises:
    return Promises(await _policies.get(database), await timelines(database))


def shown_version(row: Mapping[str, Any]) -> dict[str, Any]:
    head = {column.key: row[column.key] for column in _VERSION if column.key != "definition"}
    return {**head, **{name: row["definition"].get(name) for name in _DEFINED}}


def version_etag(row: SlaPolicyVersion | Mapping[str, Any]) -> str:
    """Of a draft it moves with each change, and of what was published not again."""
    state, at = (row.state, row.updated_at) if isinstance(row, SlaPolicyVersion) else (row["state"], row["updated_at"])
    return f'"{state}-{at.timestamp()}"'


async def read_order(reads: ReadSession) -> list[UUID]:
    """Of every policy in use, the one that is tried first in front."""
    in_use = select(SlaPolicy.id).where(SlaPolicy.archived_at.is_(None))
    return [row["id"] for row in await reads.fetch(in_use.order_by(SlaPolicy.position, SlaPolicy.id))]


def shown_policy(head: Mapping[str, Any], versions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """With the version in force, the one that waits for its instant, and the draft."""
    now = clock.now()
    published = sorted(
        (row for row in versions if row["state"] == VersionState.PUBLISHED), key=lambda row: row["effective_from"]
    )
    current = [row for row in published if row["effective_from"] <= now]
    following = [row for row in published if row["effective_from"] > now]
    drafts = [row for row in versions if row["state"] == VersionState.DRAFT]
    return {
        **{column.key: head[column.key] for column in _HEAD if column.key != "version"},
        "current": shown_version(current[-1]) if current else None,
        "next": shown_version(following[0]) if following else None,
        "draft": shown_version(drafts[0]) if drafts else None,
    }


def columns_of(entity: SlaPolicy | SlaPolicyVersion) -> dict[str, Any]:
    columns = _HEAD if isinstance(entity, SlaPolicy) else _VERSION
    return {column.key: getattr(entity, column.key) for column in columns}


async def list_policies(reads: ReadSession, *, archived: bool) -> dict[str, Any]:
    """All of them, in the order in which they are tried."""
    gone = SlaPolicy.archived_at.is_not(None)
    heads = await reads.fetch(
        select(*_HEAD).where(gone if archived else ~gone).order_by(SlaPolicy.position, SlaPolicy.id)
    )
    versions: dict[UUID, list[Any]] = {}
    for row in await reads.fetch(select(SlaPolicyVersion.policy_id, *_VERSION)):
        versions.setdefault(row["policy_id"], []).append(row)
    return whole_page([shown_policy(head, versions.get(head["id"], [])) for head in heads])


async def get_policy(reads: ReadSession, policy_id: UUID) -> tuple[dict[str, Any], int]:
    """The policy and its version for the ETag. Raises `sla_policy_not_found`."""
    head = await reads.fetch_one(select(*_HEAD).where(SlaPolicy.id == policy_id))
    if head is None:
        raise SlaPolicyNotFound
    versions = await reads.fetch(select(*_VERSION).where(SlaPolicyVersion.policy_id == policy_id))
    return shown_policy(head, versions), head["version"]


async def list_versions(reads: ReadSession, policy_id: UUID, page: PageRequest) -> dict[str, Any]:
    """Newest first. Raises `sla_policy_not_found`."""
    if await reads.fetch_value(select(SlaPolicy.id).where(SlaPolicy.id == policy_id)) is None:
        raise SlaPolicyNotFound
    statement = select(*_VERSION).where(SlaPolicyVersion.policy_id == policy_id)
    keys = (SortKey("number", SlaPolicyVersion.number, int, descending=True),)
    found = await page_of(reads, statement, keys, page)
    return {**found, "data": [shown_version(row) for row in found["data"]]}


async def get_version(reads: ReadSession, policy_id: UUID, number: int) -> dict[str, Any]:
    """Raises `sla_policy_not_found` and `sla_policy_version_not_found`."""
    if await reads.fetch_value(select(SlaPolicy.id).where(SlaPolicy.id == policy_id)) is None:
        raise SlaPolicyNotFound
    of_policy = (SlaPolicyVersion.policy_id == policy_id, SlaPolicyVersion.number == number)
    row = await reads.fetch_one(select(*_VERSION).where(*of_policy))
    if row is None:
        raise SlaPolicyVersionNotFound
    return shown_version(row)


async def lock_policy(session: AsyncSession, policy_id: UUID) -> SlaPolicy:
    """The policy, locked for a change. Raises `sla_policy_not_found`."""
    found = await session.get(SlaPolicy, policy_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise SlaPolicyNotFound
    return found


async def versions_of(session: AsyncSession, policy_id: UUID) -> list[SlaPolicyVersion]:
    statement = select(SlaPolicyVersion).where(SlaPolicyVersion.policy_id == policy_id)
    return list((await session.execute(statement.order_by(SlaPolicyVersion.number))).scalars())


async def version_of(session: AsyncSession, policy_id: UUID, number: int) -> SlaPolicyVersion:
    """Raises `sla_policy_version_not_found`."""
    found = await session.get(SlaPolicyVersion, (policy_id, number))
    if found is None:
        raise SlaPolicyVersionNotFound
    return found
