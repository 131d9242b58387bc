"""Idempotency-Key (IETF draft): the key's row lives in the write's own transaction.

It is inserted before the work, so a concurrent twin waits on it and then replays; the answer is stored before the
commit, so there is no moment in which the work is done and the answer unknown. Only successes are kept, for 24 hours
per caller. A replay passes the same permission and visibility checks as the first call did.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import Index, LargeBinary, SmallInteger, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import authenticate
from helpdesk_api.database import clock
from helpdesk_api.database.base import Base
from helpdesk_api.database.session import SessionDep
from helpdesk_api.web.errors import BadRequest, Conflict, Unprocessable

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 255
_KEPT_HEADERS = ("content-type", "etag", "location", "link")
_LOCK_NOT_AVAILABLE = "55P03"


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


class Replay(Exception):
    """The stored answer of an earlier twin."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Claim:
    """A key held by the transaction of this request."""

    def __init__(self, session: AsyncSession, caller_id: UUID, key: str) -> None:
        self._session = session
        self._where = (IdempotencyKey.caller_id == caller_id, IdempotencyKey.key == key)

    async def store(self, response: Response) -> None:
        await self._session.execute(
            update(IdempotencyKey)
            .where(*self._where)
            .values(
                status=response.status_code,
                headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
                body=bytes(response.body),
            )
            .execution_options(synchronize_session=False)
        )


async def claim_key(request: Request, session: SessionDep) -> None:
    """Last dependency of every POST and PATCH. Raises `idempotency_key_reused` and `idempotency_in_progress`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters."
        raise InvalidIdempotencyKey(message, parameter="Idempotency-Key")
    principal = await authenticate(request)
    fingerprint = await _fingerprint(request)
    now = clock.now()
    fresh = {
        "request_hash": fingerprint,
        "created_at": now,
        "status": None,
        "headers": None,
        "body": None,
    }
    statement = insert(IdempotencyKey).values(caller_id=principal.user_id, key=key, **fresh)
    statement = statement.on_conflict_do_update(
        index_elements=[IdempotencyKey.caller_id, IdempotencyKey.key],
        set_=fresh,
        where=IdempotencyKey.created_at < now - KEPT_FOR,
    )
    try:
        claimed = (await session.execute(statement.returning(IdempotencyKey.key))).scalar()
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


async def _fingerprint(request: Request) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.digest()


async def drop_expired_keys(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: keys older than their promise."""
    del payload
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < clock.now() - KEPT_FOR))
