"""A receiver that keeps failing is left alone but for a probe, and its owner hears of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.webhooks.rules import FIRST_PROBE, LAST_PROBE, PAUSES, next_attempt, next_probe, opens
from helpdesk_api.integrations.http.fake import FakeCaller
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.worker import drain
from tests.domains.webhooks.desk import happen, hooked, relay, sent
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

STARTED = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
async def boss(a_user: Make, as_user: AsUser) -> httpx.AsyncClient:
    delivery.use_transport(FakeMail())
    return as_user(await a_user(role=Role.ADMIN, name="Ada", locale="de"))


@pytest.fixture
async def ticket(a_ticket: Make, database: Database) -> Ticket:
    made: Ticket = await a_ticket()
    await relay(database)
    return made


async def told(database: Database) -> list[tuple[str, str]]:
    await drain(database)
    async with database.session() as session:
        rows = await session.scalars(select(OutboundMail).where(OutboundMail.template == "webhook_failing"))
        return [(row.to_name, row.subject) for row in rows]


async def kinds(database: Database) -> list[str]:
    async with database.session() as session:
        rows = await session.scalars(
            select(EventRow.type).where(EventRow.subject_type == "webhook").order_by(EventRow.position)
        )
        return [kind for kind in rows if kind != "webhook.created"]


async def fail_until_open(database: Database, caller: FakeCaller, ticket: Ticket, now: clock.Moment) -> None:
    for _ in range(5):
        await happen(database, ticket)
    await sent(database, caller)
    now.advance(seconds=31)
    await sent(database, caller)


async def test_it_opens_probes_and_closes_and_nothing_is_lost(
    boss: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    caller = FakeCaller(answers=lambda _: 503)
    with clock.frozen(STARTED) as now:
        made = await hooked(boss, event_types=["ticket.updated"])
        await fail_until_open(database, caller, ticket, now)
        assert len(caller.posted) == 10
        path = f"/v1/webhooks/{made['id']}"
        before = await boss.get(path)
        assert before.json()["circuit"] == "open"
        assert await told(database) == [("Ada", "Ihr Webhook zu hooks.example.com schlägt fehl")]
        for _ in range(20):
            await happen(database, ticket)
        assert await sent(database, caller) == []
        now.advance(seconds=FIRST_PROBE.total_seconds() * 1.2)
        assert len(await sent(database, caller)) == 1
        now.advance(seconds=FIRST_PROBE.total_seconds())
        assert await sent(database, caller) == []
        caller.answers = lambda _: 200
        now.advance(hours=1)
        assert len(await sent(database, caller)) == 25
        after = await boss.get(path)
        assert (after.json()["circuit"], after.json()["circuit_opened_at"]) == ("closed", None)
        assert after.headers["ETag"] != before.headers["ETag"]
        taken = (await boss.get(f"{path}/deliveries?state=delivered&include_total=true")).json()
        assert taken["total"] == 25
    assert await kinds(database) == ["webhook.circuit_opened", "webhook.circuit_closed"]
    assert len(await told(database)) == 1


async def test_after_days_without_success_it_is_switched_off(
    boss: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    caller = FakeCaller(answers=lambda _: None)
    with clock.frozen(STARTED) as now:
        made = await hooked(boss, event_types=["ticket.updated"])
        await fail_until_open(database, caller, ticket, now)
        now.advance(days=5, minutes=1)
        await happen(database, ticket)
        await sent(database, caller)
        read = (await boss.get(f"/v1/webhooks/{made['id']}")).json()
        assert (read["is_active"], read["disabled_reason"]) == (False, "failing")
        assert "Ihr Webhook zu hooks.example.com wurde abgeschaltet" in {subject for _, subject in await told(database)}
        caller.answers = lambda _: 200
        await boss.patch(f"/v1/webhooks/{made['id']}", json={"is_active": True})
        now.advance(hours=1)
        assert len(await sent(database, caller)) == 6
    assert await kinds(database) == ["webhook.circuit_opened", "webhook.disabled", "webhook.updated"]


async def test_a_repaired_address_need_not_wait_for_the_probe(
    boss: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    caller = FakeCaller(answers=lambda posted: 200 if "other" in posted.url else 500)
    with clock.frozen(STARTED) as now:
        made = await hooked(boss, event_types=["ticket.updated"])
        await fail_until_open(database, caller, ticket, now)
        await happen(database, ticket)
        assert await sent(database, caller) == []
        moved = await boss.patch(f"/v1/webhooks/{made['id']}", json={"url": "https://other.example.com/"})
        assert moved.json()["circuit"] == "closed"
        assert len(await sent(database, caller)) == 1


async def test_one_that_fails_holds_up_no_other(boss: httpx.AsyncClient, database: Database, ticket: Ticket) -> None:
    bad: dict[str, Any] = {"event_types": ["ticket.updated"], "url": "https://bad.example.com/"}
    await hooked(boss, **bad)
    await hooked(boss, **bad, is_ordered=True)
    await hooked(boss, event_types=["ticket.updated"])
    events = [await happen(database, ticket) for _ in range(40)]
    caller = FakeCaller(answers=lambda posted: 500 if "bad" in posted.url else 200)
    await sent(database, caller)
    assert len([posted for posted in caller.posted if "bad" not in posted.url]) == len(events)


def test_the_schedule_is_the_standards_with_a_little_chance() -> None:
    assert [next_attempt(step, STARTED, 0.0) for step in range(10)] == [STARTED + pause for pause in PAUSES]
    assert next_attempt(10, STARTED, 0.5) is None
    assert next_attempt(2, STARTED, 1.0) == STARTED + timedelta(minutes=5, seconds=30)


def test_a_burst_does_not_open_and_neither_do_a_few_over_a_day() -> None:
    assert not opens(500, STARTED, STARTED + timedelta(seconds=29))
    assert not opens(9, STARTED, STARTED + timedelta(days=1))
    assert opens(10, STARTED, STARTED + timedelta(seconds=30))


def test_probes_become_rarer_up_to_a_limit() -> None:
    pauses = [next_probe(probes, STARTED, 0.0) - STARTED for probes in range(60)]
    assert pauses[0] == FIRST_PROBE
    assert pauses[1] == 2 * FIRST_PROBE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_PROBE
