"""Signing keys: made by us, sealed in the database, two alive during a rotation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.secret_box import WrongSecretKey, seal, unseal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache, invalidate
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.models import SigningKey

CACHE = "signing_keys"
_PURPOSE = "signing-key"
# Tokens live for at most an hour, so a key that no longer signs verifies for a while longer.
KEEPS_VERIFYING = timedelta(hours=2)
# Two processes that find no key must not both make one.
_LOCK = 7_236_002
_NONE_OPENS = (
    "no signing key in force opens with this HELPDESK_SECRET_KEY; nothing was changed. If the secret was changed for "
    "good, the first sign-in makes a new key"
)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public half; `verifies_until` is null while it signs."""

    id: str
    public_pem: str
    created_at: datetime
    verifies_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys in force: `signing` is the newest."""

    verifying: dict[str, VerifyingKey]
    signing_id: str
    signing_pem: str

    def verifying_at(self, moment: datetime) -> dict[str, VerifyingKey]:
        """Without those whose time ran out since the set was read."""
        return {
            name: key
            for name, key in self.verifying.items()
            if key.verifies_until is None or key.verifies_until > moment
        }

    def public_jwks(self) -> dict[str, Any]:
        """RFC 7517."""
        keys = []
        for key in self.verifying_at(clock.now()).values():
            public = jwk.construct(key.public_pem, "ES256").to_dict()
            keys.append({**public, "kid": key.id, "use": "sig", "alg": "ES256"})
        return {"keys": keys}


async def _load(reads: ReadSession, key: str) -> KeySet | None:
    del key
    rows = await reads.fetch(
        select(
            SigningKey.id,
            SigningKey.public_key,
            SigningKey.sealed_private_key,
            SigningKey.created_at,
            SigningKey.retired_at,
        )
        .where(SigningKey.retired_at.is_(None) | (SigningKey.retired_at > clock.now() - KEEPS_VERIFYING))
        .order_by(SigningKey.retired_at.is_(None).desc(), SigningKey.created_at.desc(), SigningKey.id.desc())
    )
    # One that does not open is as if it were not there: whoever knew the secret before could sign with it for ever.
    opened = [(row, pem) for row in rows if (pem := _opened(row["sealed_private_key"])) is not None]
    if not opened or opened[0][0]["retired_at"] is not None:
        return None
    verifying = {
        row["id"]: VerifyingKey(
            row["id"],
            row["public_key"],
            row["created_at"],
            row["retired_at"] + KEEPS_VERIFYING if row["retired_at"] is not None else None,
        )
        for row, _ in opened
    }
    return KeySet(verifying, opened[0][0]["id"], opened[0][1])


def _opened(sealed: str) -> str | None:
    """None where another secret sealed it: it was changed, or two processes differ in it."""
    try:
        return unseal(sealed, _PURPOSE)
    except WrongSecretKey:
        return None


KEYS: InvalidatedCache[KeySet | None] = InvalidatedCache(CACHE, _load)


async def key_set(database: Database) -> KeySet:
    """The keys in force. Who finds none that opens makes one: the first caller of an installation, and the first
    after its secret was changed."""
    found = await KEYS.get(database)
    if found is not None:
        return found
    async with database.durable() as session:
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        # Those of another secret stay: a process that has it still signs with them.
        if all(_opened(sealed) is None for sealed in await _in_force(session)):
            await _add(session)
    found = await KEYS.get(database)
    if found is None:
        message = "a signing key was made and cannot be read"
        raise RuntimeError(message)
    return found


async def count_closed(session: AsyncSession) -> int:
    """How many keys in force another secret has sealed."""
    return sum(_opened(sealed) is None for sealed in await _in_force(session))


async def _in_force(session: AsyncSession) -> Sequence[str]:
    """As sealed."""
    return (await session.scalars(select(SigningKey.sealed_private_key).where(SigningKey.retired_at.is_(None)))).all()


async def rotate(session: AsyncSession) -> str:
    """A new key signs from the commit on; the ones before verify until the last of their tokens has expired.

    Raises WrongSecretKey when none in force opens: those of a service that has the right secret would be retired.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    in_force = await _in_force(session)
    if in_force and all(_opened(sealed) is None for sealed in in_force):
        raise WrongSecretKey(_NONE_OPENS)
    await session.execute(update(SigningKey).where(SigningKey.retired_at.is_(None)).values(retired_at=clock.now()))
    return await _add(session)


async def _add(session: AsyncSession) -> str:
    private = ec.generate_private_key(ec.SECP256R1())
    key = SigningKey(
        id=new_id().hex,
        public_key=private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        sealed_private_key=seal(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            _PURPOSE,
        ),
        created_at=clock.now(),
    )
    session.add(key)
    await session.flush()
    await invalidate(session, CACHE)
    return key.id
