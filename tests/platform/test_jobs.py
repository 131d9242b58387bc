"""The queue: jobs commit with their cause, finish with their work, and survive their workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.domain.models import Job
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.jobs import schedule, upkeep
from helpdesk_api.jobs.ownership import MAX_PICKS, JobTakenOver, OwnedQueries, finish
from helpdesk_api.jobs.queue import NewJob, enqueue, enqueue_many
from helpdesk_api.jobs.runner import Handler, JobRunner, Retries, run_due
from helpdesk_api.jobs.schedule import Scheduled
from helpdesk_api.jobs.tables import QueueStatus, log, queue
from helpdesk_api.outbox.models import OutboxState

ALICE, BOB = uuid4(), uuid4()


async def queued(database: Database) -> list[Any]:
    async with database.session() as session:
        return list((await session.execute(select(queue).order_by(queue.c.id))).all())


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[OwnedQueries]:
    connection = await asyncpg.connect(database.url.replace("postgresql+asyncpg://", "postgresql://", 1))
    try:
        yield OwnedQueries(AsyncpgDriver(connection))
    finally:
        await connection.close()


async def take(queries: OwnedQueries, worker: Any, *, silent_for: timedelta = timedelta(hours=1)) -> list[Job]:
    """What this worker gets; `silent_for` zero means that every other worker counts as lost."""
    return await queries.dequeue(
        5,
        {"work": EntrypointExecutionParameter(concurrency_limit=0)},  # type: ignore[dict-item]
        worker,
        None,
        silent_for,
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in PostgreSQL
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(
    database: Database, handlers: dict[str, Handler], retries: Retries | None = None
) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    runner = JobRunner(database, handlers, visibility=timedelta(seconds=2), retries=retries)
    task = asyncio.create_task(runner.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


class TestEnqueue:
    async def test_a_rolled_back_transaction_leaves_no_job(self, own_database: Database) -> None:
        async def fail() -> None:
            async with own_database.session() as session:
                # The first statement of the session: nothing has sent BEGIN yet.
                await enqueue(session, "work", {"n": 1})
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert await queued(own_database) == []

    async def test_a_committed_transaction_leaves_one(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {"n": 1})
        (job,) = await queued(own_database)
        assert (job.entrypoint, job.payload, job.status) == ("work", b'{"n":1}', QueueStatus.QUEUED)

    async def test_a_dedupe_key_is_taken_once(self, own_database: Database) -> None:
        jobs = [NewJob(name="work", payload={"n": n}, dedupe_key=key) for n, key in enumerate(["a", "a", "b"])]
        async with own_database.session() as session:
            await enqueue_many(session, jobs)
            await enqueue_many(session, jobs)
        assert [job.payload for job in await queued(own_database)] == [b'{"n":0}', b'{"n":2}']


class TestRunDue:
    async def test_runs_in_order_and_leaves_nothing(self, own_database: Database) -> None:
        seen: list[int] = []

        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            seen.append(payload["n"])
            if payload["n"] == 0:
                await enqueue(session, "work", {"n": 2})

        async with own_database.session() as session:
            await enqueue_many(session, [NewJob(name="work", payload={"n": n}) for n in range(2)])
        assert await run_due(own_database, {"work": work}) == 3
        assert seen == [0, 1, 2]
        assert await queued(own_database) == []

    async def test_waits_for_its_time_by_our_clock(self, own_database: Database) -> None:
        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del session, payload

        with clock.frozen(datetime(2030, 1, 1, tzinfo=UTC)) as moment:
            async with own_database.session() as session:
                await enqueue(session, "work", {}, run_at=clock.now() + timedelta(minutes=5))
            moment.advance(minutes=4)
            assert await run_due(own_database, {"work": work}) == 0
            moment.advance(minutes=1)
            assert await run_due(own_database, {"work": work}) == 1

    async def test_a_failing_job_is_raised_and_stays(self, own_database: Database) -> None:
        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del payload
            session.add(OutboxState(id=1, last_sequence=7))
            await session.flush()
            raise KeyError

        async with own_database.session() as session:
            await enqueue(session, "work", {})
        with pytest.raises(KeyError):
            await run_due(own_database, {"work": work})
        assert len(await queued(own_database)) == 1
        async with own_database.session() as session:
            assert await session.get(OutboxState, 1) is None


class TestRunner:
    async def test_work_and_outcome_commit_together(self, own_database: Database) -> None:
        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            session.add(OutboxState(id=payload["n"], last_sequence=0))

        async def done() -> bool:
            return await queued(own_database) == []

        async with own_database.session() as session:
            await enqueue_many(session, [NewJob(name="work", payload={"n": n}) for n in range(30)])
        async with working(own_database, {"work": work}):
            await until(done)
        async with own_database.session() as session:
            assert len((await session.scalars(select(OutboxState.id))).all()) == 30

    async def test_a_failure_rolls_back_and_is_tried_again(self, own_database: Database) -> None:
        attempts: list[int] = []

        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del payload
            attempts.append(len(attempts))
            session.add(OutboxState(id=len(attempts), last_sequence=0))
            if len(attempts) == 1:
                raise KeyError

        async def done() -> bool:
            return await queued(own_database) == []

        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with working(own_database, {"work": work}):
            await until(done)
        async with own_database.session() as session:
            assert (await session.scalars(select(OutboxState.id))).all() == [2]

    async def test_stopping_finishes_what_runs(self, own_database: Database) -> None:
        started, go_on = asyncio.Event(), asyncio.Event()

        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del payload
            started.set()
            await go_on.wait()
            session.add(OutboxState(id=1, last_sequence=0))

        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with working(own_database, {"work": work}) as stop:
            await asyncio.wait_for(started.wait(), 20)
            stop.set()
            go_on.set()
        assert await queued(own_database) == []
        async with own_database.session() as session:
            assert await session.get(OutboxState, 1) is not None

    async def test_a_job_that_always_fails_is_held(self, own_database: Database) -> None:
        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del session, payload
            message = "never"
            raise KeyError(message)

        async def held() -> bool:
            return [job.status for job in await queued(own_database)] == [QueueStatus.FAILED]

        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with working(own_database, {"work": work}, Retries(attempts=1, first_pause=timedelta())):
            await until(held)


class TestOwnership:
    async def test_a_lost_job_is_not_finished_by_its_first_worker(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with connected(own_database) as queries:
            (mine,) = await take(queries, ALICE)
            assert await take(queries, BOB) == []
            (theirs,) = await take(queries, BOB, silent_for=timedelta())

            async def finish_mine() -> None:
                async with own_database.session() as session:
                    session.add(OutboxState(id=1, last_sequence=0))
                    await finish(session, mine)

            with pytest.raises(JobTakenOver):
                await finish_mine()
            # Neither pgqueuer's word of success nor a retry from the first worker touches it.
            await queries.log_jobs([(mine, "successful", None)])
            await queries.retry_job(mine, timedelta(), None)
            (row,) = await queued(own_database)
            assert (row.status, row.queue_manager_id) == (QueueStatus.PICKED, BOB)
            async with own_database.session() as session:
                await finish(session, theirs)
            await queries.log_jobs([(theirs, "successful", None)])
        assert await queued(own_database) == []
        async with own_database.session() as session:
            assert await session.get(OutboxState, 1) is None

    async def test_an_interrupted_job_stays_for_the_next_worker(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with connected(own_database) as queries:
            (job,) = await take(queries, ALICE)
            await queries.log_jobs([(job, "canceled", None)])
            assert [row.id for row in await take(queries, BOB, silent_for=timedelta())] == [job.id]

    async def test_a_finished_job_is_not_retried_when_its_commit_was_not_heard_of(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with connected(own_database) as queries:
            (job,) = await take(queries, ALICE)
            async with own_database.session() as session:
                await finish(session, job)
            await queries.retry_job(job, timedelta(), None)
            assert await take(queries, BOB, silent_for=timedelta()) == []
        with clock.frozen(clock.now() + upkeep.KEEP_FINISHED * 2):
            async with own_database.session() as session:
                await upkeep.prune(session, {})
        assert await queued(own_database) == []

    async def test_a_job_that_kills_its_workers_is_held(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {})
            await enqueue(session, "work", {})
        async with connected(own_database) as queries:
            for _ in range(MAX_PICKS):
                assert len(await take(queries, uuid4(), silent_for=timedelta())) == 2
            assert await take(queries, ALICE, silent_for=timedelta()) == []
        rows = await queued(own_database)
        assert {row.status for row in rows} == {QueueStatus.FAILED}
        async with own_database.session() as session:
            errors = await session.scalars(select(log.c.traceback).where(log.c.traceback.is_not(None)))
            assert {error["exception_type"] for error in errors} == {"WorkerLost"}

    async def test_an_answer_starts_the_count_again(self, own_database: Database) -> None:
        async with own_database.session() as session:
            await enqueue(session, "work", {})
        async with connected(own_database) as queries:
            for _ in range(MAX_PICKS):
                (job,) = await take(queries, uuid4(), silent_for=timedelta())
            await queries.retry_job(job, timedelta(), None)
            assert len(await take(queries, ALICE)) == 1


class TestSchedule:
    SCHEDULE = (Scheduled("tidy", timedelta(minutes=1), "work", {"n": 1}),)

    async def test_many_workers_tick_once(self, own_database: Database) -> None:
        async def one_worker() -> int:
            async with own_database.session() as session:
                await schedule.register(session, self.SCHEDULE)
            async with own_database.session() as session:
                return await schedule.tick(session, self.SCHEDULE)

        assert sum(await asyncio.gather(*(one_worker() for _ in range(5)))) == 1
        assert [job.payload for job in await queued(own_database)] == [b'{"n":1}']

    async def test_ticks_again_when_the_time_has_come(self, own_database: Database) -> None:
        async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
            del session, payload

        with clock.frozen(datetime(2030, 1, 1, tzinfo=UTC)) as moment:
            ticks = []
            for seconds in (0, 59, 1, 600, 0):
                moment.advance(seconds=seconds)
                async with own_database.session() as session:
                    await schedule.register(session, self.SCHEDULE)
                    ticks.append(await schedule.tick(session, self.SCHEDULE))
                await run_due(own_database, {"work": work})
        assert ticks == [1, 0, 1, 1, 0]

    async def test_a_run_that_still_waits_stands_for_the_next(self, own_database: Database) -> None:
        with clock.frozen(datetime(2030, 1, 1, tzinfo=UTC)) as moment:
            for _ in range(3):
                async with own_database.session() as session:
                    await schedule.register(session, self.SCHEDULE)
                    await schedule.tick(session, self.SCHEDULE)
                moment.advance(hours=1)
        assert len(await queued(own_database)) == 1


async def test_the_log_of_jobs_that_left_is_pruned(own_database: Database) -> None:
    async with own_database.session() as session:
        await enqueue(session, "work", {"stays": True}, dedupe_key="stays")
        await session.execute(
            text("INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint) VALUES (99, 'queued', 0, 'work')")
        )
    with clock.frozen(clock.now() + upkeep.KEEP_LOG * 2):
        async with own_database.session() as session:
            await upkeep.prune(session, {})
    (job,) = await queued(own_database)
    async with own_database.session() as session:
        assert (await session.scalars(select(log.c.job_id))).all() == [job.id]
