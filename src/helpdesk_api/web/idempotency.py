"""Idempotency-Key (IETF draft): the key's row lives in the write's own transaction.

It is inserted before the work, so a concurrent twin waits on it and then replays; the answer is stored before the
commit, so there is no moment in which the work is done and the answer unknown. Only successes are kept, for 24 hours
per caller. A replay passes the same permission and visibility checks as the first call did.
"""

import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

from fastapi import Request
from sqlalchemy import Index, LargeBinary, SmallInteger, Table, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import authenticate
from helpdesk_api.database import clock
from helpdesk_api.database.base import Base
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.web.errors import BadRequest, Conflict, Unprocessable

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 255
_KEPT_HEADERS = ("content-type", "etag", "location", "content-location", "link")
_LOCK_NOT_AVAILABLE = "55P03"
# Of the headers, what says what is to be done. A condition (`If-Match`) does not: it was met when the answer was made.
_TELLING_HEADERS = ("occurred-at",)


class IdempotencyKeyReused(Unprocessable):
    code = "idempotency_key_reused"
    title = "This key was used for another request"
    default_detail = "An Idempotency-Key belongs to one request; use a new key for a new one."


class IdempotencyInProgress(Conflict):
    code = "idempotency_in_progress"
    title = "The same request is still running"
    default_detail = "A request with this Idempotency-Key has not finished. Try again shortly."


class InvalidIdempotencyKey(BadRequest):
    code = "invalid_idempotency_key"
    title = "This Idempotency-Key cannot be used"


class IdempotencyKey(Base):
    """One answered write of one caller."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


# Both are made once, on the table itself: every write sends them.
@cache
def _claim_statement() -> CompiledStatement:
    table = cast("Table", IdempotencyKey.__table__)
    statement = insert(table).values(
        caller_id=bindparam("given_caller"),
        key=bindparam("given_key"),
        request_hash=bindparam("given_hash"),
        created_at=bindparam("given_now"),
    )
    fresh = statement.excluded
    claim = statement.on_conflict_do_update(
        index_elements=[table.c.caller_id, table.c.key],
        set_={
            "request_hash": fresh.request_hash,
            "created_at": fresh.created_at,
            "status": fresh.status,
            "headers": fresh.headers,
            "body": fresh.body,
        },
        where=table.c.created_at < bindparam("expired_before", type_=table.c.created_at.type),
    ).returning(table.c.key)
    return CompiledStatement(claim)


@cache
def _store_statement() -> CompiledStatement:
    table = cast("Table", IdempotencyKey.__table__)
    return CompiledStatement(
        update(table)
        .where(table.c.caller_id == bindparam("given_caller"), table.c.key == bindparam("given_key"))
        .values(status=bindparam("given_status"), headers=bindparam("given_headers"), body=bindparam("given_body"))
    )


class Replay(Exception):
    """The stored answer of an earlier twin."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Claim:
    """A key held by the transaction of this request."""

    def __init__(self, session: AsyncSession, caller_id: UUID, key: str) -> None:
        self._session = session
        self._key = {"given_caller": caller_id, "given_key": key}

    async def store(self, response: Response) -> None:
        answer = {
            "given_status": response.status_code,
            "given_headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
            "given_body": bytes(response.body),
        }
        await (await statements_of(self._session)).fetch(_store_statement(), {**self._key, **answer})


def is_keyed(request: Request) -> bool:
    return "idempotency-key" in request.headers


async def claim_key(request: Request, session: SessionDep) -> None:
    """Last dependency of every POST and PATCH. Raises `idempotency_key_reused` and `idempotency_in_progress`."""
    if is_keyed(request):
        await _claim(request, session, await request.body())


async def claim_streamed(request: Request, session: AsyncSession, digest: bytes) -> None:
    """For a route that has read its body as a stream; `digest` stands for the body. Raises what `claim_key` does."""
    if is_keyed(request):
        await _claim(request, session, digest)


async def _claim(request: Request, session: AsyncSession, content: bytes) -> None:
    key = request.headers["idempotency-key"]
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters."
        raise InvalidIdempotencyKey(message, parameter="Idempotency-Key")
    principal = await authenticate(request)
    fingerprint = _fingerprint(request, content)
    now = clock.now()
    claim = {
        "given_caller": principal.user_id,
        "given_key": key,
        "given_hash": fingerprint,
        "given_now": now,
        "expired_before": now - KEPT_FOR,
    }
    try:
        claimed = await (await statements_of(session)).fetch_value(_claim_statement(), claim)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise IdempotencyInProgress from error
        raise
    if claimed is not None:
        request.state.idempotency_claim = Claim(session, principal.user_id, key)
        return
    await _replay(session, principal.user_id, key, fingerprint)


async def _replay(session: AsyncSession, caller_id: UUID, key: str, fingerprint: bytes) -> None:
    columns = (
        IdempotencyKey.request_hash,
        IdempotencyKey.status,
        IdempotencyKey.headers,
        IdempotencyKey.body,
    )
    stored = (
        await session.execute(select(*columns).where(IdempotencyKey.caller_id == caller_id, IdempotencyKey.key == key))
    ).one_or_none()
    if stored is None or stored.status is None:
        raise IdempotencyInProgress
    if stored.request_hash != fingerprint:
        raise IdempotencyKeyReused(parameter="Idempotency-Key")
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    raise Replay(Response(stored.body, status_code=stored.status, headers=headers))


def _fingerprint(request: Request, content: bytes) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    for name in _TELLING_HEADERS:
        if name in request.headers:
            digest.update(f"{name}: {request.headers[name]}\n".encode())
    digest.update(content)
    return digest.digest()


async def drop_expired_keys(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: keys older than their promise."""
    del payload
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < clock.now() - KEPT_FOR))
