"""One-time tickets that stand for a caller's credential where no header can be sent, as in a browser's EventSource.

A token in a URL ends up in logs and histories; a ticket there is worth nothing any more.
"""

import secrets
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.dependencies import RequiresPermission
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.secret_box import WrongSecretKey, seal, unseal
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.errors import InvalidStreamTicket
from helpdesk_api.domains.authentication.models import StreamTicket
from helpdesk_api.domains.authentication.queries import secret_hash

PREFIX = "hst_"
PATTERN = r"^hst_[A-Za-z0-9_-]{43}$"
LENGTH = 47
PARAMETER = "stream_ticket"
LIFETIME = timedelta(minutes=1)
_PURPOSE = "stream-ticket"


async def issue(session: AsyncSession, token: str) -> tuple[str, datetime]:
    """A ticket for the caller with this credential, and when it stops to be good."""
    ticket = PREFIX + secrets.token_urlsafe(32)
    expires_at = clock.now() + LIFETIME
    session.add(
        StreamTicket(ticket_hash=secret_hash(ticket), sealed_token=seal(token, _PURPOSE), expires_at=expires_at)
    )
    return ticket, expires_at


async def redeem(database: Database, ticket: str) -> str:
    """The credential that it stands for; the ticket is gone then. Raises `invalid_stream_ticket`."""
    taken = (
        delete(StreamTicket)
        .where(StreamTicket.ticket_hash == secret_hash(ticket))
        .returning(StreamTicket.sealed_token, StreamTicket.expires_at)
        .execution_options(synchronize_session=False)
    )
    # On its own: whatever is wrong with the rest of the request, it was shown and is used up.
    async with database.durable() as session:
        found = (await session.execute(taken)).one_or_none()
    if found is None or found.expires_at <= clock.now():
        raise InvalidStreamTicket
    try:
        return unseal(found.sealed_token, _PURPOSE)
    except WrongSecretKey as error:
        raise InvalidStreamTicket from error


async def drop_expired(session: AsyncSession) -> None:
    await session.execute(delete(StreamTicket).where(StreamTicket.expires_at < clock.now()))


def token_of(request: Request) -> str:
    """The credential of a request that was let in."""
    by_ticket: str | None = getattr(request.state, "token_of_ticket", None)
    return by_ticket or request.headers.get("authorization", "").partition(" ")[2].strip()


class PermissionByTicket(RequiresPermission):
    """As any permission, but a stream ticket may stand for the credential."""

    async def __call__(self, request: Request) -> None:
        ticket = request.query_params.get(PARAMETER)
        if ticket is not None and "authorization" not in request.headers:
            database: Database = request.app.state.database
            token = await redeem(database, ticket)
            principal = await request.app.state.authenticator(token, database)
            request.state.rate = request.app.state.rate_limiter.take(principal.user_id.hex)
            request.state.principal = principal
            request.state.token_of_ticket = token
        await super().__call__(request)


FOLLOWS_EVENTS = PermissionByTicket(Permission.EVENTS_READ)
