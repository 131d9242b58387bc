"""Compiled reads and the pool beneath them."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, cast, extract, func, literal, select

from helpdesk_api.database.read_connections import WAIT_SECONDS
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket

NUMBER = bindparam("number", type_=Integer)


async def test_values_come_with_each_call_and_constants_stay(own_database: Database) -> None:
    read = CompiledStatement(select(NUMBER + literal(1), NUMBER))
    async with own_database.reads() as reads:
        assert [tuple(await reads.fetch_one(read, {"number": number})) for number in (1, 41)] == [(2, 1), (42, 41)]


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
async def test_an_instant_comes_back_to_the_microsecond(own_database: Database, instant: datetime) -> None:
    at = bindparam("at", type_=UtcDateTime())
    given = cast(at, UtcDateTime())
    parts = select(given, extract("epoch", given), func.array_agg(given))
    async with own_database.reads() as reads:
        row = await reads.fetch_one(CompiledStatement(parts), {"at": instant})
    # Python holds an hour that comes twice for equal to nothing in another zone.
    in_utc = instant.astimezone(UTC)
    assert row[0] == in_utc
    assert row[0].utcoffset() == timedelta(0)
    assert row[1] == Decimal((in_utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)) / 1_000_000
    assert row[2] == [in_utc]


async def test_an_instant_without_a_zone_is_refused(own_database: Database) -> None:
    read = CompiledStatement(select(cast(bindparam("at", type_=UtcDateTime()), UtcDateTime())))
    async with own_database.reads() as reads:
        with pytest.raises(asyncpg.DataError):
            await reads.fetch_one(read, {"at": datetime(2026, 10, 25, 2, 30)})  # noqa: DTZ001 - what is refused


async def test_a_scope_without_its_caller_does_not_run(own_database: Database) -> None:
    shape = policy.CallerShape(is_admin=False, is_staff=True, sees_organization=False)
    read = CompiledStatement(select(Ticket.id).where(policy.readable(shape)))
    async with own_database.reads() as reads:
        with pytest.raises(KeyError):
            await reads.fetch(read)


async def test_an_expanding_in_is_refused() -> None:
    with pytest.raises(ValueError, match="expanding"):
        CompiledStatement(select(Ticket.id).where(Ticket.number.in_([1, 2])))


async def test_many_at_once_wait_for_a_connection(own_database: Database) -> None:
    read = CompiledStatement(select(func.pg_backend_pid()))

    async def one() -> int:
        async with own_database.reads() as reads:
            found: int = await reads.fetch_value(read)
            return found

    assert len(set(await asyncio.gather(*[one() for _ in range(200)]))) <= 20


async def test_a_connection_that_the_server_ended_is_not_used_again(own_database: Database) -> None:
    pid = CompiledStatement(select(func.pg_backend_pid()))
    async with own_database.reads() as reads:
        first = await reads.fetch_value(pid)
    async with own_database.session() as session:
        await session.execute(select(func.pg_terminate_backend(first, 5_000)))
    async with own_database.reads() as reads:
        assert await reads.fetch_value(pid) != first


async def test_a_connection_that_dies_in_use_is_not_used_again(own_database: Database) -> None:
    end_itself = CompiledStatement(select(func.pg_terminate_backend(func.pg_backend_pid())))
    async with own_database.reads() as reads:
        with pytest.raises(asyncpg.PostgresError):
            await reads.fetch_value(end_itself)
    async with own_database.reads() as reads:
        assert await reads.fetch_value(CompiledStatement(select(literal(1)))) == 1


async def test_whoever_gives_up_waiting_takes_no_connection_along(own_database: Database) -> None:
    reads = Database(own_database.url, pool_size=1)
    try:
        async with reads.reads() as held:
            waiting = asyncio.create_task(one(reads))
            gone = asyncio.create_task(one(reads))
            await asyncio.sleep(0)
            gone.cancel()
            assert await held.fetch_value(select(literal(1))) == 1
        assert await waiting == 1
        assert gone.cancelled()
        assert [await one(reads) for _ in range(3)] == [1, 1, 1]
    finally:
        await reads.dispose()


async def test_whoever_is_cancelled_without_its_connection_does_not_wait_for_one(own_database: Database) -> None:
    database = Database(own_database.url, pool_size=1)
    lent, ended, after = asyncio.Event(), asyncio.Event(), []

    async def lends() -> None:
        async with database.reads() as reads:
            try:
                async with reads.without_connection():
                    lent.set()
                    await asyncio.Event().wait()
            finally:
                ended.set()
                with pytest.raises(RuntimeError, match="given back"):
                    await reads.fetch(select(literal(1)))
                after.append(True)

    try:
        lender = asyncio.create_task(lends())
        await lent.wait()
        async with database.reads() as held:
            lender.cancel()
            # Far below the wait for a connection, which nobody gives back meanwhile.
            await asyncio.wait_for(ended.wait(), WAIT_SECONDS / 3)
            assert await held.fetch_value(select(literal(1))) == 1
        with pytest.raises(asyncio.CancelledError):
            await lender
        assert after
        assert database._readers._places.qsize() == 1
        assert [await one(database) for _ in range(3)] == [1, 1, 1]
    finally:
        await database.dispose()


@pytest.mark.parametrize("error", [None, ValueError])
async def test_a_connection_is_taken_again_after_the_wait(
    own_database: Database, error: type[Exception] | None
) -> None:
    database = Database(own_database.url, pool_size=1)
    try:
        async with database.reads() as reads:
            with suppress(ValueError):
                async with reads.without_connection():
                    assert await one(database) == 1
                    if error is not None:
                        raise error
            assert await reads.fetch_value(select(literal(1))) == 1
        assert database._readers._places.qsize() == 1
    finally:
        await database.dispose()


async def test_what_is_closed_opens_again(own_database: Database) -> None:
    reads = Database(own_database.url, pool_size=2)
    assert await one(reads) == 1
    await reads.dispose()
    assert await one(reads) == 1
    await reads.dispose()


async def one(database: Database) -> int:
    async with database.reads() as reads:
        found: int = await reads.fetch_value(select(literal(1)))
        return found
