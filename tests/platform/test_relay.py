"""The relay: every committed event gets one place in the log and its consequences once, whatever commits when."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.jobs.tables import queue
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.outbox.models import EventRow, OutboxState
from helpdesk_api.outbox.pending import write_pending
from helpdesk_api.outbox.record import Reactions, record
from helpdesk_api.outbox.relay import REACT_JOB, Relay, react


class Happened(DomainEvent):
    type: ClassVar[str] = "probe.happened"
    subject_type: ClassVar[str] = "probe"


class Unheeded(DomainEvent):
    type: ClassVar[str] = "probe.unheeded"
    subject_type: ClassVar[str] = "probe"


reacted: list[str] = []


async def first_reaction(session: AsyncSession, row: EventRow) -> None:
    del session
    reacted.append(f"first {row.data['n']}")


async def second_reaction(session: AsyncSession, row: EventRow) -> None:
    del session
    reacted.append(f"second {row.data['n']}")


REACTIONS: dict[type[DomainEvent], Reactions] = {Happened: Reactions(after_commit=[first_reaction, second_reaction])}


class Killed(Exception):
    """Raised where a process could die."""


@contextmanager
def dying(database: Database, *, after: int) -> Iterator[None]:
    """Loses the process after this many statements of the block, or before the COMMIT if there are no more."""
    engine = database.engine.sync_engine
    left = after

    def statement(*_: Any) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    def commit(_: Any) -> None:
        if left == 0:
            raise Killed

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)


async def happen(database: Database, *numbers: int, kind: type[DomainEvent] = Happened) -> None:
    for n in numbers:
        async with database.session() as session:
            await record(session, Principal.system(), kind(subject_id=new_id(), data={"n": n}))


async def log(database: Database) -> list[tuple[int, int]]:
    """(sequence, n) of the numbered events, in order."""
    async with database.session() as session:
        rows = await session.execute(
            select(EventRow.sequence, EventRow.data).where(EventRow.sequence.is_not(None)).order_by(EventRow.sequence)
        )
        return [(sequence, data["n"]) for sequence, data in rows]


async def jobs(database: Database) -> int:
    async with database.session() as session:
        return len((await session.execute(select(queue.c.id).where(queue.c.entrypoint == REACT_JOB))).all())


async def test_numbers_in_order_and_enqueues_each_reaction_once(own_database: Database) -> None:
    await happen(own_database, 1, 2, 3)
    relay = Relay(own_database, REACTIONS)
    assert await relay.relay_batch() == 3
    assert await relay.relay_batch() == 0
    assert await log(own_database) == [(1, 1), (2, 2), (3, 3)]
    assert await jobs(own_database) == 6


async def test_reactions_run_with_their_event(own_database: Database) -> None:
    reacted.clear()
    await happen(own_database, 1, 2)
    await Relay(own_database, REACTIONS).relay_batch()
    assert await run_due(own_database, {REACT_JOB: react(REACTIONS)}) == 4
    assert reacted == ["first 1", "second 1", "first 2", "second 2"]


async def test_an_event_without_reactions_is_numbered_too(own_database: Database) -> None:
    await happen(own_database, 1, kind=Unheeded)
    await Relay(own_database, REACTIONS).relay_batch()
    assert await log(own_database) == [(1, 1)]
    assert await jobs(own_database) == 0


async def test_a_batch_is_bounded_and_goes_on(own_database: Database) -> None:
    await happen(own_database, *range(5))
    relay = Relay(own_database, REACTIONS, batch=2)
    assert [await relay.relay_batch() for _ in range(4)] == [2, 2, 1, 0]
    assert await log(own_database) == [(n + 1, n) for n in range(5)]


async def test_rolled_back_work_leaves_no_event(own_database: Database) -> None:
    async def fail() -> None:
        async with own_database.session() as session:
            await record(session, Principal.system(), Happened(subject_id=new_id(), data={"n": 1}))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await Relay(own_database, REACTIONS).relay_batch() == 0


async def test_a_transaction_that_commits_late_is_numbered_late_and_not_lost(own_database: Database) -> None:
    relay = Relay(own_database, REACTIONS)
    written, commit = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with own_database.session() as session:
            await record(session, Principal.system(), Happened(subject_id=new_id(), data={"n": 1}))
            await write_pending(session)
            written.set()
            await commit.wait()

    late = asyncio.create_task(slow())
    await written.wait()
    await happen(own_database, 2)
    await relay.relay_batch()
    # A reader who is told of everything up to here has seen all there is.
    assert await log(own_database) == [(1, 2)]
    commit.set()
    await late
    await relay.relay_batch()
    assert await log(own_database) == [(1, 2), (2, 1)]
    async with own_database.session() as session:
        positions = {row.data["n"]: row.position for row in await session.scalars(select(EventRow))}
    assert positions[1] < positions[2]


async def test_only_one_relay_works_at_a_time(own_database: Database) -> None:
    await happen(own_database, *range(50))
    relays = [Relay(own_database, REACTIONS, batch=7) for _ in range(4)]

    async def work(relay: Relay) -> int:
        numbered = 0
        async with asyncio.timeout(20):
            while len(await log(own_database)) < 50:
                numbered += await relay.relay_batch()
        return numbered

    assert sum(await asyncio.gather(*(work(relay) for relay in relays))) == 50
    assert [sequence for sequence, _ in await log(own_database)] == list(range(1, 51))
    assert await jobs(own_database) == 100


# The relay's transaction has five statements; after the fifth only the COMMIT is left.
@pytest.mark.parametrize("after", range(6))
async def test_dying_between_any_two_statements_changes_nothing(own_database: Database, after: int) -> None:
    relay = Relay(own_database, REACTIONS)
    await happen(own_database, 1)
    await relay.relay_batch()
    await happen(own_database, 2)
    with pytest.raises(Killed), dying(own_database, after=after):
        await relay.relay_batch()
    assert await log(own_database) == [(1, 1)]
    assert await jobs(own_database) == 2
    await relay.relay_batch()
    assert await log(own_database) == [(1, 1), (2, 2)]
    assert await jobs(own_database) == 4


async def test_runs_until_stopped_and_hears_a_wake_up(own_database: Database) -> None:
    stop = asyncio.Event()
    relay = Relay(own_database, REACTIONS)
    task = asyncio.create_task(relay.run(stop))
    await happen(own_database, 1)
    relay.wake()
    async with asyncio.timeout(20):
        while not await log(own_database):  # noqa: ASYNC110 - what it waits for is in PostgreSQL
            await asyncio.sleep(0.02)
    stop.set()
    await task
    async with own_database.session() as session:
        assert await session.scalar(select(OutboxState.last_sequence)) == 1
