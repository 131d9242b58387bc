"""Integrations and their keys. A key is stored nowhere; what it opens is kept in each process."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.authorization.secret_box import seal
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.tree import as_json
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, parse_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.alerts import events
from helpdesk_api.domains.alerts.condition_fields import ALERT
from helpdesk_api.domains.alerts.enums import AlertKind
from helpdesk_api.domains.alerts.errors import InvalidMapping
from helpdesk_api.domains.alerts.models import AlertIntegration
from helpdesk_api.domains.alerts.queries import INTEGRATION_CACHE, SECRET_PURPOSE, key_hash
from helpdesk_api.domains.alerts.schemas import AlertIntegrationCreate, AlertIntegrationUpdate, AlertRule
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.teams.queries import require_known_and_takes_tickets
from helpdesk_api.domains.users import actions as users
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference

DEFAULT_ASSET_LABELS = ("service", "instance", "host")
_ID_PREFIXES: Mapping[str, str] = {"team_id": "tea", "category_id": "cat", "user_id": "usr"}
# Secrets and nested settings are in no event; that they changed is.
_UNTOLD = frozenset({"signing_secret", "rules", "mapping", "asset_labels"})


def new_key() -> str:
    """32 characters, as PagerDuty's own are: some senders take no other."""
    return secrets.token_hex(16)


async def create_integration(
    session: AsyncSession, database: Database, principal: Principal, body: AlertIntegrationCreate
) -> tuple[AlertIntegration, str]:
    """The integration and its key. Raises `unknown_reference`, `invalid_conditions` and `invalid_mapping`."""
    values = body.model_dump(exclude={"rules", "mapping", "asset_labels", "signing_secret"})
    await _check_references(session, database, values, "#")
    _check_mapping(body.kind, body.mapping is not None)
    owner = await users.create_service_user(session, principal, name=body.name, role=Role.REQUESTER)
    await session.flush()
    key, now = new_key(), clock.now()
    integration = AlertIntegration(
        id=new_id(),
        user_id=owner.id,
        is_active=True,
        key_hash=key_hash(key),
        key_hint=key[-4:],
        previous_key_hash=None,
        previous_key_expires_at=None,
        signing_secret=_sealed(body.signing_secret),
        rules=await _checked_rules(session, database, body.rules or []),
        mapping=body.mapping.model_dump(mode="json") if body.mapping is not None else None,
        asset_labels=list(DEFAULT_ASSET_LABELS if body.asset_labels is None else body.asset_labels),
        created_at=now,
        updated_at=now,
        version=1,
        **values,
    )
    session.add(integration)
    await session.flush()
    changes = {name: (None, _shown(name, value)) for name, value in values.items() if value is not None}
    await _record(session, principal, integration, events.AlertIntegrationCreated, changes)
    return integration, key


async def update_integration(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    integration: AlertIntegration,
    body: AlertIntegrationUpdate,
) -> None:
    """Merge patch. Raises what `create_integration` does."""
    given: dict[str, Any] = body.model_dump(mode="python", exclude_unset=True)
    await _check_references(session, database, given, "#", kept=(integration.team_id, integration.category_id))
    if "mapping" in given:
        _check_mapping(integration.kind, body.mapping is not None)
        given["mapping"] = body.mapping.model_dump(mode="json") if body.mapping is not None else None
    if "rules" in given:
        given["rules"] = await _checked_rules(session, database, body.rules, integration.rules)
    if "signing_secret" in given:
        given["signing_secret"] = _sealed(body.signing_secret)
    changes: dict[str, tuple[Any, Any]] = {}
    for name, value in given.items():
        before = getattr(integration, name)
        if before == value:
            continue
        changes[name] = ("set", "changed") if name in _UNTOLD else (_shown(name, before), _shown(name, value))
        setattr(integration, name, value)
    if not changes:
        return
    integration.version += 1
    integration.updated_at = clock.now()
    await session.flush()
    await invalidate(session, INTEGRATION_CACHE)
    await _record(session, principal, integration, events.AlertIntegrationUpdated, changes)


async def change_key(
    session: AsyncSession, principal: Principal, integration: AlertIntegration, grace_seconds: int
) -> str:
    """The new key. A key that was still in grace ends at once: two are taken at a time."""
    key, now = new_key(), clock.now()
    graced = grace_seconds > 0
    integration.previous_key_hash = integration.key_hash if graced else None
    integration.previous_key_expires_at = now + timedelta(seconds=grace_seconds) if graced else None
    integration.key_hash, integration.key_hint = key_hash(key), key[-4:]
    integration.version += 1
    integration.updated_at = now
    await session.flush()
    await invalidate(session, INTEGRATION_CACHE)
    await _record(session, principal, integration, events.AlertRoutingKeyChanged, {})
    return key


def _sealed(secret: str | None) -> str | None:
    return seal(secret, SECRET_PURPOSE) if secret is not None else None


def _check_mapping(kind: AlertKind, is_given: bool) -> None:  # noqa: FBT001
    if (kind is AlertKind.GENERIC) != is_given:
        message = "The kind `generic` needs a mapping, and no other takes one."
        raise InvalidMapping(message, pointer="#/mapping")


async def _checked_rules(
    session: AsyncSession, database: Database, rules: list[AlertRule], before: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    references = [(name, rule[name]) for rule in before for name in ("team_id", "category_id")]
    kept = {parse_id(_ID_PREFIXES[name], shown) for name, shown in references if shown is not None}
    checked = []
    for place, rule in enumerate(rules):
        pointer = f"#/rules/{place}"
        check(rule.conditions, ALERT, f"{pointer}/conditions")
        values = rule.model_dump(exclude={"conditions"})
        await _check_references(session, database, values, pointer, kept=kept)
        shown = {name: _shown(name, value) for name, value in values.items()}
        checked.append({**shown, "conditions": as_json(rule.conditions)})
    return checked


async def _check_references(
    session: AsyncSession,
    database: Database,
    values: Mapping[str, Any],
    pointer: str,
    *,
    kept: Collection[UUID | None] = (),
) -> None:
    """An archived team and a retired category stay where they were named, and are not named anew."""
    category_id, team_id = values.get("category_id"), values.get("team_id")
    if category_id is not None and category_id not in kept:
        category = await categories.category(database, category_id)
        if category is None or category.retired_at is not None:
            raise UnknownReference(pointer=f"{pointer}/category_id")
    if team_id is not None and team_id not in kept:
        await require_known_and_takes_tickets(session, team_id, f"{pointer}/team_id")


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return public_id(_ID_PREFIXES[name], value)
    return value.value if isinstance(value, StrEnum) else value


async def _record(
    session: AsyncSession,
    principal: Principal,
    integration: AlertIntegration,
    kind: type[events.AlertIntegrationEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=integration.id,
        visibility=Visibility.INTERNAL,
        changes=changes,
        data={"name": integration.name},
    )
    await record(session, principal, event)
