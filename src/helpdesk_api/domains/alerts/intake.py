"""The way in: who sends, is it signed, is there room; then all alerts of the body in one transaction."""

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.session import Database
from helpdesk_api.domains.alerts.enums import AlertKind
from helpdesk_api.domains.alerts.errors import (
    AlertIntakeBusy,
    AlertIntegrationInactive,
    AlertKindMismatch,
    InvalidAlertSignature,
    InvalidRoutingKey,
    UnreadableAlert,
)
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.queries import Integration, by_routing_key, signing_secret_of
from helpdesk_api.domains.alerts.senders import Incoming, Settings
from helpdesk_api.domains.alerts.taking import Result, Unforeseen, is_lock, take_alerts
from helpdesk_api.domains.tickets.models import Ticket

MAX_ROUTING_KEY: Final = 200
_ATTEMPTS: Final = 3
_WAITING: Final = 256
_PATIENCE_SECONDS: Final = 10.0
_SCHEMES: Final = frozenset({"bearer", "geniekey", "token"})
# Where each kind puts an HMAC-SHA256 of the raw body, in hex; the others as GitHub does.
_SIGNATURE_HEADERS: Final = {
    AlertKind.SENTRY: "sentry-hook-signature",
    AlertKind.GRAFANA: "x-grafana-alerting-signature",
}
_SIGNATURE_HEADER: Final = "x-hub-signature-256"


class Gate:
    """Few bodies are worked on at once in a process, so that a burst leaves connections to everybody else."""

    def __init__(self, width: int) -> None:
        self._slots = asyncio.Semaphore(width)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises `alert_intake_busy` when too many wait already, or after ten seconds."""
        if self._waiting >= _WAITING:
            raise AlertIntakeBusy(headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise AlertIntakeBusy(headers={"Retry-After": "5"}) from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


async def gate_of(request: Request) -> Gate:
    """The process's own: at most a quarter of the connections for writes."""
    state = request.app.state
    found: Gate | None = getattr(state, "alert_gate", None)
    if found is None:
        found = state.alert_gate = Gate(max(1, state.settings.database_pool_size // 2))
    return found


def routing_key_of(request: Request, header: str | None) -> str | None:
    """From `X-Routing-Key`, or `Authorization` with Bearer, GenieKey, Token, or Basic (password, else user)."""
    if header:
        return header
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES:
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password or user or None


async def find_integration(database: Database, key: str | None, *kinds: AlertKind) -> Integration:
    """Raises `invalid_routing_key`, `alert_integration_inactive` and `alert_kind_mismatch`."""
    found = await by_routing_key(database, key) if key is not None and len(key) <= MAX_ROUTING_KEY else None
    if found is None:
        raise InvalidRoutingKey
    if not found.is_active:
        raise AlertIntegrationInactive
    if kinds and found.kind not in kinds:
        message = f"It takes `{found.kind.value}`, at the address of that kind."
        raise AlertKindMismatch(message)
    return found


async def read_incoming(request: Request) -> Incoming:
    """Raises `unreadable_alert` for a sender that hung up: nobody reads the answer, and it is no defect."""
    try:
        body = await request.body()
    except ClientDisconnect as error:
        message = "The sender hung up before the end of the body."
        raise UnreadableAlert(message) from error
    return Incoming(body, request.headers.get("content-type", ""), _each_once(request.headers))


def _each_once(headers: Headers) -> dict[str, str]:
    """A repeated one is the list of its values (RFC 9110, 5.3), so that of two signatures neither is one."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def check_signature(integration: Integration, incoming: Incoming) -> None:
    """Where the integration has a secret. Raises `invalid_alert_signature` when the raw body does not bear it out,
    and `alert_secret_unreadable`."""
    secret = signing_secret_of(integration)
    if secret is None:
        return
    given = incoming.headers.get(_SIGNATURE_HEADERS.get(integration.kind, _SIGNATURE_HEADER), "")
    wanted = hmac.new(secret.encode(), incoming.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(
        given.strip().lower().removeprefix("sha256=").encode("utf-8", "replace"), wanted.encode()
    ):
        raise InvalidAlertSignature


def settings_of(integration: Integration) -> Settings:
    return Settings(integration.grouping, integration.mapping)


async def take(
    gate: Gate, database: Database, integration: Integration, facts: Sequence[AlertFact]
) -> list[dict[str, Any]]:
    """What became of each, once it is committed. Raises `alert_intake_busy`."""
    if not facts:
        return []
    hopefully, attempts = True, 1
    async with gate.turn():
        while True:
            try:
                async with database.session() as session:
                    results = await take_alerts(session, database, integration, facts, hopefully=hopefully)
                    return await shown_results(session, results)
            except Unforeseen:
                hopefully = False
            except DBAPIError as error:
                # Two bodies that met on tickets in different orders, or somebody who holds one: from the beginning.
                if is_lock(error):
                    if attempts == _ATTEMPTS:
                        raise AlertIntakeBusy(headers={"Retry-After": "2"}) from error
                    attempts += 1
                elif hopefully and not is_unreachable(error):
                    hopefully = False
                else:
                    raise


async def shown_results(session: AsyncSession, results: Sequence[Result]) -> list[dict[str, Any]]:
    unnamed = {one.ticket_id for one in results if one.ticket_id is not None and one.reference is None}
    references = await _references(session, unnamed)
    return [
        {
            "dedup_key": one.fact.dedup_key,
            "action": one.fact.action,
            "outcome": one.outcome,
            "reason": one.reason,
            "detail": one.detail,
            "alert_id": one.alert_id,
            "count": one.count,
            "ticket_id": one.ticket_id,
            "ticket_reference": one.reference or (references.get(one.ticket_id) if one.ticket_id else None),
        }
        for one in results
    ]


async def _references(session: AsyncSession, ids: set[UUID]) -> dict[UUID, str]:
    """The sender opened these tickets itself, so it is told their names."""
    if not ids:
        return {}
    await session.flush()
    rows = await session.execute(select(Ticket.id, Ticket.reference).where(Ticket.id.in_(ids)))
    return {row.id: row.reference for row in rows}
