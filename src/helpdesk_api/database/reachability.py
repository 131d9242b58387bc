"""Telling a database that is away from a defect of ours: it restarts or fails over, and the caller comes back."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# The connection was lost or refused, or the server starts, stops or is full.
_AWAY: Final = (
    ConnectionError,
    PoolTimeout,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


def is_unreachable(error: BaseException | None) -> bool:
    """Whether PostgreSQL was not there, or went away in the midst. Looks through what SQLAlchemy wraps."""
    if error is None:
        return False
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or is_unreachable(error.orig)
    if isinstance(error, _AWAY):
        return True
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for this and for wrong use.
        return "closed" in str(error) or "released" in str(error)
    if isinstance(error, FileNotFoundError):
        # Of a socket, which goes with its server; a file that is missing has a name.
        return error.filename is None
    return is_unreachable(error.__cause__)
