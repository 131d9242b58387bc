"""The worker as a process: killed at any moment, stopped politely, one of many; nothing is lost or doubled."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import func, select

from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.posting import Letter, post
from helpdesk_api.domains.notifications.recipients import load_recipients
from helpdesk_api.jobs.tables import queue
from helpdesk_api.outbox.models import EventRow
from tests.factories.records import make_ticket, make_user
from tests.fixtures.mail_server import mail_server
from tests.fixtures.workers import StartWorker

pytestmark = [pytest.mark.enable_socket, pytest.mark.processes]

PATIENCE_SECONDS = 60
MAILS = 60


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in PostgreSQL
            await asyncio.sleep(0.02)


async def write_mails(database: Database, count: int) -> None:
    person = await make_user(database, name="Rita")
    async with database.session() as session:
        to = (await load_recipients(session, {person.id}))[person.id]
        for _ in range(count):
            letter = Letter(template=MailTemplate.PASSWORD_RESET, to=to, facts={})
            await post(session, new_id(), [letter])


async def count(database: Database, status: MailStatus) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).where(OutboundMail.status == status)) or 0


async def message_ids(database: Database) -> set[str]:
    async with database.session() as session:
        return set(await session.scalars(select(OutboundMail.message_id)))


async def test_killed_at_work_again_and_again_each_mail_is_one_file(
    own_database: Database, start_worker: StartWorker, tmp_path: Path
) -> None:
    await write_mails(own_database, MAILS)
    folder = tmp_path / "mail"

    def files() -> list[Path]:
        return sorted(folder.glob("*.eml")) if folder.exists() else []

    for killed_after in (5, 20):
        worker = await start_worker()

        async def far_enough(enough: int = killed_after) -> bool:
            return len(files()) >= enough

        await until(far_enough)
        await worker.kill()
        assert await count(own_database, MailStatus.SENT) < MAILS
    await start_worker()

    async def done() -> bool:
        return await count(own_database, MailStatus.SENT) == MAILS

    await until(done)
    found = [message_from_bytes(file.read_bytes(), policy=policy.default)["Message-ID"] for file in files()]
    assert len(found) == MAILS
    assert set(found) == await message_ids(own_database)


async def test_killed_while_the_server_hesitates_the_mail_keeps_its_name(
    own_database: Database, start_worker: StartWorker
) -> None:
    async with mail_server() as server:
        server.goes_on.clear()
        await write_mails(own_database, 1)
        url = f"smtp://127.0.0.1:{server.port}"
        first = await start_worker(smtp_url=url)
        await asyncio.wait_for(server.reached_data.wait(), PATIENCE_SECONDS)
        await first.kill()
        assert await count(own_database, MailStatus.SENT) == 0
        server.goes_on.set()
        await start_worker(smtp_url=url)

        async def done() -> bool:
            return await count(own_database, MailStatus.SENT) == 1

        await until(done)
    names = {message_from_bytes(mail, policy=policy.default)["Message-ID"] for mail in server.taken}
    assert names == await message_ids(own_database)


async def test_a_polite_stop_finishes_the_mail_at_hand(own_database: Database, start_worker: StartWorker) -> None:
    async with mail_server() as server:
        server.goes_on.clear()
        await write_mails(own_database, 1)
        worker = await start_worker(smtp_url=f"smtp://127.0.0.1:{server.port}")
        await asyncio.wait_for(server.reached_data.wait(), PATIENCE_SECONDS)
        worker.signal(signal.SIGTERM)
        server.goes_on.set()
        assert await worker.ended() == 0
    assert len(server.taken) == 1
    assert await count(own_database, MailStatus.SENT) == 1


async def test_two_workers_do_everything_once(
    own_database: Database, start_worker: StartWorker, tmp_path: Path
) -> None:
    for _ in range(2):
        await start_worker()
    tickets = 10
    for _ in range(tickets):
        await make_ticket(own_database, by=await make_user(own_database))

    async def done() -> bool:
        async with own_database.session() as session:
            waiting = await session.scalar(select(func.count()).where(EventRow.sequence.is_(None)))
            left = await session.scalar(select(func.count()).where(queue.c.status != "failed"))
        return waiting == 0 and left == 0

    await until(done)
    assert await count(own_database, MailStatus.SENT) == tickets
    assert len(list((tmp_path / "mail").glob("*.eml"))) == tickets
    async with own_database.session() as session:
        sequences = list(await session.scalars(select(EventRow.sequence).order_by(EventRow.sequence)))
    assert sequences == list(range(1, len(sequences) + 1))
