"""Real tickets over TCP, sixteen clients at once, a worker killed twice: nothing lost, nothing twice.

`HELPDESK_E2E_TICKETS=2000` is the full run; the ordinary suite takes a small one.
"""

import asyncio
import os
import signal
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.end_to_end.desk import Desk, mails, set_up, sign_in
from tests.end_to_end.lives import SECRET, SOURCE, Life, live
from tests.end_to_end.real_tickets import RealTicket, real_tickets
from tests.end_to_end.served import Served, processes_below

COUNT = int(os.environ.get("HELPDESK_E2E_TICKETS", "24"))
CLIENTS = 16
KILLS = 2
QUIET_SECONDS = 240.0
pytestmark = [pytest.mark.processes, pytest.mark.timeout(1_800)]


async def test_nothing_is_lost_and_nothing_is_twice(product: Served) -> None:
    rows = real_tickets(COUNT)
    admin = await sign_in(product.url, "edda@tarnwick.example.com", "keys-to-the-bakery")
    desk = await set_up(product.url, product.data_dir / "mail", admin, sorted({row.queue for row in rows}))
    try:
        lives = await run_lives(desk, product, rows)
        await wait_until_quiet(desk, lives)
        await prove(desk, lives)
    finally:
        await desk.close()


async def run_lives(desk: Desk, product: Served, rows: list[RealTicket]) -> list[Life]:
    """Sixteen clients take the rows in turn; after each third the worker is killed in the middle of its work."""
    waiting = list(enumerate(rows))[::-1]
    kill_at = {len(rows) * part // (KILLS + 1) for part in range(1, KILLS + 1)}
    lives: list[Life] = []

    async def client() -> None:
        while waiting:
            number, row = waiting.pop()
            if number in kill_at:
                await kill_worker(product)
            lives.append(await live(desk, row, number))

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return lives


async def kill_worker(product: Served) -> None:
    for _ in range(600):
        below = processes_below(product.process.pid)
        found = [one for one, name in below.items() if name == "helpdesk-worker"]
        if found:
            os.kill(found[0], signal.SIGKILL)
            return
        await asyncio.sleep(0.1)
    raise AssertionError(product.log.read_text()[-2_000:])


async def wait_until_quiet(desk: Desk, lives: list[Life]) -> None:
    """The log has caught up with every step, no job of the run waits, and no mail is on its way."""
    logged: Counter[str] = Counter()
    after: str | None = None
    for _ in range(int(QUIET_SECONDS / 0.5)):
        while True:
            params = {"limit": "200", **({"after": after} if after else {})}
            log = (await desk.admin.get("/v1/events", params=params)).json()
            logged.update(event["ticket_id"] for event in log["data"] if not event["type"].startswith("sla."))
            after = log["complete_through"]
            if log["next_cursor"] is None:
                break
        caught_up = all(logged[life.ticket["id"]] >= len(life.events) for life in lives)
        waiting = [await total(desk.admin, "/v1/jobs", status=status) for status in ("queued", "running")]
        unsent = [await total(desk.admin, "/v1/mail-messages", status=status) for status in ("queued", "failed")]
        if caught_up and not any(waiting) and not any(unsent):
            return
        await asyncio.sleep(0.5)
    message = f"still waiting: log caught up {caught_up}, jobs {waiting}, mails {unsent}"
    raise AssertionError(message)


async def total(client: httpx.AsyncClient, path: str, **filters: str) -> int:
    reply = await client.get(path, params={**filters, "include_total": "true", "limit": 1})
    assert reply.status_code == httpx.codes.OK, reply.text
    return int(reply.json()["total"])


async def every(client: httpx.AsyncClient, path: str, **filters: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        reply = await client.get(path, params={**filters, "limit": "200", **({"cursor": cursor} if cursor else {})})
        assert reply.status_code == httpx.codes.OK, reply.text
        found += reply.json()["data"]
        cursor = reply.json()["next_cursor"]
        if cursor is None:
            return found


async def prove(desk: Desk, lives: list[Life]) -> None:
    tickets = await every(desk.admin, "/v1/tickets", tag=SOURCE)
    assert Counter(ticket["affected_service"] for ticket in tickets) == Counter(life.row.key for life in lives)
    assert len({ticket["reference"] for ticket in tickets}) == len(lives)
    by_key = {ticket["affected_service"]: ticket for ticket in tickets}
    for life in lives:
        found = by_key[life.row.key]
        assert (found["id"], found["status"]) == (life.ticket["id"], life.status)
        assert (found["subject"], found["description"]) == (life.row.subject, life.row.body)
    # Counts equal to the file's.
    names = {category: queue for queue, category in desk.categories.items()}
    assert Counter(names[ticket["category_id"]] for ticket in tickets) == Counter(life.row.queue for life in lives)
    # The demo's routing rules add tags of their own.
    sources = Counter(life.row.source for life in lives)
    assert Counter(tag for ticket in tickets for tag in ticket["tags"] if tag in sources) == sources
    for life in lives:
        await prove_history(desk, life)
    await prove_mails(desk, lives)
    await prove_nothing_internal_is_seen(desk, lives)


async def prove_history(desk: Desk, life: Life) -> None:
    """Every step once, in order, and each field's value before is the one that the step before it left."""
    told = await every(desk.admin, f"/v1/tickets/{life.ticket['id']}/history")
    # The clocks' own steps follow from these.
    history = [event for event in told if not event["type"].startswith("sla.")]
    assert [event["type"] for event in history] == life.events, life.row.key
    values: dict[str, Any] = {}
    for event in history:
        for change in event["changes"]:
            if event["type"].startswith("ticket."):
                # A counter starts at nothing.
                before = values.get(change["field"], 0 if change["before"] == 0 else None)
                assert before == change["before"], (life.row.key, event["type"], change)
                values[change["field"]] = change["after"]
    assert values["status"] == life.status


async def prove_mails(desk: Desk, lives: list[Life]) -> None:
    """Each expected mail once, each in one file under its Message-ID, and no file besides."""
    sent = await every(desk.admin, "/v1/mail-messages")
    assert {mail["status"] for mail in sent} == {"sent"}
    on_disk = Counter(str(message["Message-ID"]) for message in mails(desk.mail_dir))
    assert on_disk == Counter(mail["message_id"] for mail in sent)
    assert set(on_disk.values()) == {1}
    assert len({(mail["event_id"], mail["template"], mail["recipient_id"]) for mail in sent}) == len(sent)
    told: dict[str, Counter[str]] = {}
    for mail in sent:
        if mail["ticket_id"] is not None:
            told.setdefault(mail["ticket_id"], Counter())[mail["template"]] += 1
    for life in lives:
        found, expected = told[life.ticket["id"]], life.mails
        missing = expected["assigned"] - found["assigned"]
        assert 0 <= missing <= life.passing_assignments, (life.row.key, found)
        assert found + Counter(assigned=missing) == expected, (life.row.key, life.scenario, found)


async def prove_nothing_internal_is_seen(desk: Desk, lives: list[Life]) -> None:
    for life in lives:
        path = f"/v1/tickets/{life.ticket['id']}"
        for part in ("", "/comments", "/history"):
            reply = await desk.client(life.requester).get(f"{path}{part}")
            assert reply.status_code == httpx.codes.OK
            assert SECRET not in reply.text
    addresses = {f"requester{number}@run.example.com" for number in range(len(desk.requesters))}
    for message in mails(desk.mail_dir):
        if any(address in str(message["To"]) for address in addresses):
            assert SECRET not in message.as_string()
