"""Nothing lost, nothing under two names: whatever dies, and however many work at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.webhooks import jobs, replaying
from helpdesk_api.domains.webhooks.claiming import claim
from helpdesk_api.domains.webhooks.delivery import deliver_due
from helpdesk_api.domains.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery
from helpdesk_api.domains.webhooks.outcomes import Outcome, write_down
from helpdesk_api.domains.webhooks.schemas import WebhookReplay
from helpdesk_api.integrations.http.fake import FakeCaller
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.relay import Relay
from tests.domains.webhooks.desk import deliveries, happen, hooked, relay, sent, webhook_of
from tests.factories.records import Make, make_ticket, make_user

LEASE = timedelta(seconds=25)


async def numbers(database: Database, webhook: Webhook) -> list[int]:
    async with database.session() as session:
        mine = select(WebhookDelivery.number).where(WebhookDelivery.webhook_id == webhook.id)
        return list(await session.scalars(mine.order_by(WebhookDelivery.number)))


class Killed(Exception):
    """Raised where a process could die."""


@contextmanager
def dying(database: Database, *, after: int) -> Iterator[None]:
    """Loses the process after this many statements of the ORM, or before the COMMIT if there are no more."""
    left = after

    def statement(*_: Any) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    def commit(_: Any) -> None:
        if left == 0:
            raise Killed

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)


async def test_a_relay_that_dies_anywhere_leaves_no_gap_and_no_double(own_database: Database) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    await relay(own_database)
    webhook = await webhook_of(own_database, boss)
    expected = [await happen(own_database, ticket) for _ in range(7)]
    deaths = 0
    for place in range(20):
        with dying(own_database, after=place):
            try:
                await Relay(own_database, wiring.REACTIONS, followers=wiring.FOLLOWERS, batch=3).relay_batch()
            except Killed:
                deaths += 1
    await relay(own_database)
    assert deaths > 3
    assert await numbers(own_database, webhook) == list(range(1, len(expected) + 1))
    async with own_database.session() as session:
        delivered = select(WebhookDelivery.event_id).order_by(WebhookDelivery.number)
        logged = select(EventRow.id).where(EventRow.type == "ticket.updated").order_by(EventRow.sequence)
        assert list(await session.scalars(delivered)) == list(await session.scalars(logged))


async def test_relay_replays_and_tests_at_once_give_each_number_once(own_database: Database) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    began = clock.now()
    webhook = await webhook_of(own_database, boss)
    for _ in range(5):
        await happen(own_database, ticket)

    async def replay() -> None:
        async with own_database.session() as session:
            held = await session.get_one(Webhook, webhook.id)
            to = clock.now() + timedelta(seconds=1)
            await replaying.replay(session, held, WebhookReplay.model_validate({"from": began, "to": to}))

    async def test() -> None:
        async with own_database.session() as session:
            await replaying.send_test(session, await session.get_one(Webhook, webhook.id))

    await asyncio.gather(relay(own_database), replay(), test(), relay(own_database), replay(), test())
    await relay(own_database)
    found = await numbers(own_database, webhook)
    assert found == list(range(1, len(found) + 1))
    async with own_database.session() as session:
        of_events = select(func.count()).where(~WebhookDelivery.is_test)
        assert await session.scalar(of_events) == 5


async def test_two_workers_share_and_neither_takes_what_the_other_has(own_database: Database) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    await relay(own_database)
    await webhook_of(own_database, boss)
    await webhook_of(own_database, boss, is_ordered=True)
    for _ in range(30):
        await happen(own_database, ticket)
    await relay(own_database)
    rounds = await asyncio.gather(*[claim(own_database, busy={}, room=100, lease_for=LEASE) for _ in range(6)])
    taken = [one for found in rounds for claimed in found.values() for one in claimed]
    assert len(taken) == len({one.id for one in taken})
    ordered = [one.number for one in taken if one.webhook["is_ordered"]]
    assert ordered == list(range(1, len(ordered) + 1))
    callers = [FakeCaller() for _ in range(3)]
    with clock.frozen(clock.now() + LEASE + timedelta(seconds=1)):
        await asyncio.gather(*[deliver_due(own_database, caller) for caller in callers])
    posted = [one.headers["webhook-id"] for caller in callers for one in caller.posted]
    assert len(posted) == len(set(posted)) == 60


async def test_a_lease_that_ran_out_is_anothers_and_the_late_one_writes_nothing(own_database: Database) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    await relay(own_database)
    webhook = await webhook_of(own_database, boss)
    await happen(own_database, ticket)
    await relay(own_database)
    [[late]] = (await claim(own_database, busy={}, room=10, lease_for=LEASE)).values()
    assert await claim(own_database, busy={}, room=10, lease_for=LEASE) == {}
    with clock.frozen(clock.now() + LEASE + timedelta(seconds=1)):
        [[one]] = (await claim(own_database, busy={}, room=10, lease_for=LEASE)).values()
        assert one.id == late.id
        await write_down(own_database, [(late, Outcome.answered(clock.now(), 1, 500, ""))])
        await write_down(own_database, [(one, Outcome.answered(clock.now(), 1, 200, ""))])
    async with own_database.session() as session:
        attempts = list(await session.scalars(select(WebhookAttempt)))
        delivery = await session.scalar(select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    assert [attempt.status for attempt in attempts] == [200]
    assert delivery is not None
    assert (delivery.state.value, delivery.leased_by) == ("delivered", None)


async def test_deletion_waits_for_no_delivery_and_leaves_nothing(
    admin_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    ticket: Ticket = await a_ticket()
    made = await hooked(admin_client, event_types=["ticket.updated"])
    await happen(database, ticket)
    await sent(database, FakeCaller())
    assert (await admin_client.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
    async with database.session() as session:
        for table in (WebhookDelivery, WebhookAttempt):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_old_deliveries_are_dropped_and_young_ones_stay(
    admin_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    ticket: Ticket = await a_ticket()
    made = await hooked(admin_client, event_types=["ticket.updated"])
    await happen(database, ticket)
    await sent(database, FakeCaller())
    for days, left in ((29, 1), (31, 0)):
        with clock.frozen(clock.now() + timedelta(days=days)):
            async with database.session() as session:
                await jobs.drop_old(session, {})
        assert len(await deliveries(admin_client, made)) == left


@pytest.mark.parametrize("is_ordered", [True, False])
async def test_the_claim_reads_its_index_and_not_the_table(own_database: Database, *, is_ordered: bool) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    webhook = await webhook_of(own_database, boss, is_ordered=is_ordered)
    async with own_database.session() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            "INSERT INTO webhook_deliveries (id, webhook_id, number, event_id, event_type, is_test, state,"
            " next_attempt_at, created_at) SELECT gen_random_uuid(), $1, n, gen_random_uuid(), 'ticket.updated', false,"
            " CASE WHEN n > 19990 THEN 'pending' ELSE 'delivered' END, now(), now() FROM generate_series(1, 20000) n",
            (webhook.id,),
        )
    async with own_database.engine.connect() as connection:
        await connection.exec_driver_sql("ANALYZE webhook_deliveries")
        await connection.commit()
        before = await scans(connection)
    found = await claim(own_database, busy={}, room=100, lease_for=LEASE)
    assert sum(len(claimed) for claimed in found.values()) == 10
    async with own_database.engine.connect() as connection:
        assert await scans(connection) == before


async def scans(connection: Any) -> int:
    await connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    await connection.commit()
    result = await connection.exec_driver_sql(
        "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'webhook_deliveries'"
    )
    return int(result.scalar_one())
