"""Streams of real credentials, as the product issues and withdraws them: each ends with its own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.actions import end_session
from helpdesk_api.domains.authentication.credentials import create_api_key, revoke_api_key
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.authentication.models import ApiKey, Session
from helpdesk_api.domains.authentication.schemas import ApiKeyCreate
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.actions import deactivate_user
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.domains.stream.serving import Serving, reading, serving, until
from tests.factories.records import make_ticket, make_user, principal_of

LIFETIME = timedelta(minutes=15)


@pytest.fixture
async def at() -> AsyncIterator[clock.Moment]:
    """The clock of the served application, too: it is made inside."""
    with clock.frozen(clock.now()) as moment:
        yield moment


@pytest.fixture
async def one(at: clock.Moment, settings: Settings, own_database: Database) -> AsyncIterator[Serving]:
    del at
    async with serving(settings, own_database.url) as found:
        found.app.state.authenticator = wiring.authenticate_token
        yield found


async def relay(database: Database) -> None:
    while await Relay(database, wiring.REACTIONS).relay_batch():
        pass


async def happen(database: Database, ticket: Ticket) -> str:
    event = events.TicketUpdated(subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket)
    async with database.session() as session:
        made = public_id("evt", (await record(session, Principal.system(), event)).id)
    await relay(database)
    return made


async def bearer(database: Database, user: User, session_id: Any = None) -> dict[str, str]:
    keys = await key_set(database)
    token = tokens.issue(
        key_id=keys.signing_id,
        private_key=keys.signing_pem,
        user_id=user.id,
        session_id=session_id,
        scopes=None,
        now=clock.now(),
        lifetime=LIFETIME,
    )
    return {"Authorization": f"Bearer {token}"}


async def test_a_stream_ends_with_its_token_and_goes_on_with_the_next(
    at: clock.Moment, one: Serving, own_database: Database
) -> None:
    rita = await make_user(own_database)
    ticket = await make_ticket(own_database, requester_id=rita.id)
    await relay(own_database)
    headers = await bearer(own_database, rita)
    async with reading(one.url, None, headers=headers) as found:
        first = await happen(own_database, ticket)
        await until(lambda: found.ids)
        at.advance(seconds=LIFETIME.total_seconds())
        second = await happen(own_database, ticket)
        await until(lambda: found.end is not None)
    assert found.ids == [first]
    assert found.end is not None
    assert (found.end["reason"], found.end["resume"]) == ("expired", "after_sign_in")
    assert await found.read(one.url, None, headers=headers) == 401
    fresh = {**await bearer(own_database, rita), "Last-Event-ID": found.end["after"]}
    async with reading(one.url, None, headers=fresh) as again:
        await until(lambda: again.ids)
    assert again.ids == [second]


async def test_a_place_to_go_on_from_comes_before_any_event(one: Serving, own_database: Database) -> None:
    """Whoever loses the connection at once has missed nothing either."""
    rita = await make_user(own_database)
    ticket = await make_ticket(own_database, requester_id=rita.id)
    await relay(own_database)
    headers = await bearer(own_database, rita)
    async with reading(one.url, None, headers=headers) as found:
        pass
    assert (found.messages, found.last_id is not None) == ([], True)
    missed = await happen(own_database, ticket)
    async with reading(one.url, None, headers={**headers, "Last-Event-ID": str(found.last_id)}) as again:
        await until(lambda: again.ids)
    assert again.ids == [missed]


@pytest.mark.parametrize("how", ["signed_out", "key_revoked", "deactivated"])
async def test_a_stream_ends_when_its_credential_does(one: Serving, own_database: Database, how: str) -> None:
    boss = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))
    rita = await make_user(own_database)
    ticket = await make_ticket(own_database, requester_id=rita.id)
    principal = await principal_of(own_database, rita)
    await relay(own_database)
    signed_in = Session(user_id=rita.id, created_at=clock.now(), last_used_at=clock.now(), id=new_id())
    async with own_database.session() as session:
        session.add(signed_in)
        scopes = [Permission.EVENTS_READ, Permission.TICKETS_READ]
        _, secret = await create_api_key(session, principal, ApiKeyCreate(name="Follower", scopes=scopes))
    headers = await bearer(own_database, rita, signed_in.id)
    if how == "key_revoked":
        headers = {"Authorization": f"Bearer {secret}"}
    await relay(own_database)
    async with reading(one.url, None, headers=headers) as found:
        before = await happen(own_database, ticket)
        await until(lambda: found.ids)
        async with own_database.session() as session:
            if how == "signed_out":
                await end_session(session, principal, signed_in.id)
            elif how == "deactivated":
                await deactivate_user(session, boss, await session.get_one(User, rita.id))
            else:
                key = await session.scalar(select(ApiKey).where(ApiKey.user_id == rita.id))
                assert key is not None
                await revoke_api_key(session, principal, key)
        await until(lambda: found.end is not None)
        await happen(own_database, ticket)
    assert found.ids == [before]
    assert found.end is not None
    assert found.end["reason"] == "rights_lost"
