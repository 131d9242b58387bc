"""Reads of integrations and alerts. What a routing key opens comes from a cache."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.authorization.secret_box import WrongSecretKey, opens, unseal
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.predicate import compile_predicate
from helpdesk_api.conditions.tree import read_tree
from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.alerts.condition_fields import ALERT
from helpdesk_api.domains.alerts.enums import AlertGrouping, AlertKind, ResolveEffect
from helpdesk_api.domains.alerts.errors import AlertIntegrationNotFound, AlertSecretUnreadable
from helpdesk_api.domains.alerts.models import Alert, AlertIntegration
from helpdesk_api.domains.alerts.rules import Matcher
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

INTEGRATION_CACHE = "alert_integrations"
SECRET_PURPOSE = "alert-signing"  # noqa: S105 - what is sealed, not a secret


@dataclass(frozen=True, slots=True)
class Integration:
    """What taking an alert needs of an integration, with its rules compiled; `principal` acts for it."""

    id: UUID
    name: str
    kind: AlertKind
    is_active: bool
    key_expires_at: datetime | None
    sealed_secret: str | None
    principal: Principal
    team_id: UUID | None
    category_id: UUID | None
    matchers: tuple[Matcher, ...]
    asset_labels: tuple[str, ...]
    mapping: dict[str, Any] | None
    on_resolve: ResolveEffect
    note_visibility: Visibility
    grouping: AlertGrouping
    flap_window: timedelta
    storm_limit: int | None
    storm_window_seconds: int
    storm_label: str | None
    confirms_subscriptions: bool


def key_hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def integration_of(row: Any, *, key_expires_at: datetime | None = None) -> Integration:
    """Ready for use. What its service account does for alerts is the product's rule, whatever role it has."""
    return Integration(
        id=row["id"],
        name=row["name"],
        kind=AlertKind(row["kind"]),
        is_active=row["is_active"],
        key_expires_at=key_expires_at,
        sealed_secret=row["signing_secret"],
        principal=Principal("service", row["user_id"], Role.ADMIN, frozenset(Permission), row["name"]),
        team_id=row["team_id"],
        category_id=row["category_id"],
        matchers=tuple(_matcher(rule) for rule in row["rules"]),
        asset_labels=tuple(row["asset_labels"]),
        mapping=row["mapping"],
        on_resolve=ResolveEffect(row["on_resolve"]),
        note_visibility=Visibility(row["note_visibility"]),
        grouping=AlertGrouping(row["grouping"]),
        flap_window=timedelta(seconds=row["flap_window_seconds"]),
        storm_limit=row["storm_limit"],
        storm_window_seconds=row["storm_window_seconds"],
        storm_label=row["storm_label"],
        confirms_subscriptions=row["confirms_subscriptions"],
    )


def signing_secret_of(integration: Integration) -> str | None:
    """Raises `alert_secret_unreadable`."""
    if integration.sealed_secret is None:
        return None
    try:
        return unseal(integration.sealed_secret, SECRET_PURPOSE)
    except WrongSecretKey as error:
        raise AlertSecretUnreadable(headers={"Retry-After": "300"}) from error


async def count_closed(session: AsyncSession) -> int:
    """How many signing secrets another HELPDESK_SECRET_KEY has sealed."""
    sealed = await session.scalars(
        select(AlertIntegration.signing_secret).where(AlertIntegration.signing_secret.is_not(None))
    )
    return sum(one is not None and not opens(one, SECRET_PURPOSE) for one in sealed)


def _matcher(rule: dict[str, Any]) -> Matcher:
    return Matcher(
        matches=compile_predicate(check(read_tree(rule["conditions"]), ALERT)),
        category_id=parse_id("cat", rule["category_id"]) if rule["category_id"] else None,
        team_id=parse_id("tea", rule["team_id"]) if rule["team_id"] else None,
        priority=Priority(rule["priority"]) if rule["priority"] else None,
        tags=tuple(rule["tags"] or ()),
    )


_INTEGRATION_COLUMNS = tuple(AlertIntegration.__table__.c)
_BY_KEY = CompiledStatement(
    select(*_INTEGRATION_COLUMNS).where(
        or_(
            AlertIntegration.key_hash == bindparam("given_hash", type_=LargeBinary),
            AlertIntegration.previous_key_hash == bindparam("given_hash", type_=LargeBinary),
        )
    )
)


async def _load(reads: ReadSession, key: str) -> Integration | None:
    given = bytes.fromhex(key)
    row = await reads.fetch_one(_BY_KEY, {"given_hash": given})
    if row is None:
        return None
    is_previous = row["previous_key_hash"] == given
    return integration_of(read_row(row), key_expires_at=row["previous_key_expires_at"] if is_previous else None)


INTEGRATIONS: InvalidatedCache[Integration | None] = InvalidatedCache(INTEGRATION_CACHE, _load)


async def by_routing_key(database: Database, key: str) -> Integration | None:
    """None for a key that opens nothing, or no longer."""
    found = await INTEGRATIONS.get(database, key_hash(key).hex())
    if found is None or (found.key_expires_at is not None and found.key_expires_at <= clock.now()):
        return None
    return found


def read_row(row: Any) -> dict[str, Any]:
    """As the representation takes it."""
    return {**dict(row), "is_signed": row["signing_secret"] is not None}


_INTEGRATION_KEYS = (
    SortKey("created_at", AlertIntegration.created_at, datetime, descending=True),
    SortKey("id", AlertIntegration.id, UUID, descending=True),
)


async def list_integrations(reads: ReadSession, page: PageRequest) -> dict[str, Any]:
    answer = await page_of(reads, select(*_INTEGRATION_COLUMNS), _INTEGRATION_KEYS, page)
    return {**answer, "data": [read_row(row) for row in answer["data"]]}


async def get_integration(reads: ReadSession, integration_id: UUID) -> Any:
    """Raises `alert_integration_not_found`."""
    row = await reads.fetch_one(select(*_INTEGRATION_COLUMNS).where(AlertIntegration.id == integration_id))
    if row is None:
        raise AlertIntegrationNotFound
    return read_row(row)


async def lock_integration(session: AsyncSession, integration_id: UUID) -> AlertIntegration:
    """Raises `alert_integration_not_found`."""
    found = await session.get(AlertIntegration, integration_id, with_for_update=True)
    if found is None:
        raise AlertIntegrationNotFound
    return found


async def get_own_alert(reads: ReadSession, integration_id: UUID, alert_id: UUID) -> Any:
    """For the sender itself, by the integration that it came through; None for any other's."""
    mine = (Alert.id == alert_id, Alert.integration_id == integration_id)
    columns = (Alert.id, Alert.dedup_key, Alert.last_seen_at, Alert.acknowledged_at, Alert.resolved_at)
    return await reads.fetch_one(select(*columns).where(*mine))
