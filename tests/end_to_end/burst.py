"""A burst of alerts: `python -m tests.end_to_end.burst --alerts 10000`.

Sixteen connections send beginnings, repetitions and ends of few keys, mixed, to two integrations, one of which has a
storm limit; somebody else reads tickets meanwhile. Afterwards every alert is accounted for, by what was answered and by
the tables, and there are as many tickets as the keys and the limit allow.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.installation import install_wiring
from tests.end_to_end.disasters import Ground, ground, token_of, until_ready
from tests.factories.records import make_user

CONNECTIONS = 16
# Of a burst: how many alerts there are for each key, and how many of them are ends.
PER_KEY, ENDS = 8, 0.2
STORM_LIMIT = 25
READ_EVERY_SECONDS = 0.05
FACTS = """
    SELECT count(*) AS alerts, coalesce(sum(count), 0) AS triggers,
      count(*) FILTER (WHERE in_storm) AS in_storm,
      count(DISTINCT ticket_id) FILTER (WHERE NOT in_storm) AS tickets,
      count(*) FILTER (WHERE ticket_id IS NULL) AS lost,
      count(*) FILTER (WHERE is_open) - count(DISTINCT dedup_key) FILTER (WHERE is_open) AS twice
    FROM (SELECT *, state <> 'resolved' AS is_open FROM alerts) found WHERE integration_id = $1
"""


@dataclass
class Sender:
    """One integration, and what was answered of each of its alerts."""

    id: str
    key: str
    storm_limit: int | None
    told: Counter[str] = field(default_factory=Counter)
    triggers: int = 0
    again: int = 0


@dataclass
class Reader:
    """The other caller: how long each of its reads took, in seconds."""

    waits: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)


@dataclass
class Burst:
    """What came of it; `wrong` is empty when all is well."""

    senders: list[Sender]
    reader: Reader
    alerts: int
    took: float = 0.0
    wrong: list[str] = field(default_factory=list)


def run(folder: Path, *, alerts: int) -> Burst:
    """In a folder that PostgreSQL's own user can reach."""
    with ground(folder, apis=2, workers=1) as below:
        for mortal in below.mortals:
            mortal.start()
        return asyncio.run(_run(below, alerts))


async def _run(below: Ground, alerts: int) -> Burst:
    install_wiring(below.settings)
    database = Database(below.url)
    try:
        admin = await token_of(database, await make_user(database, role=Role.ADMIN))
    finally:
        await database.dispose()
    await asyncio.gather(*[until_ready(url) for url in below.urls()])
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {admin}"}) as client:
        senders = [await _integration(client, below.urls()[0], limit) for limit in (None, STORM_LIMIT)]
        burst = Burst(senders, Reader(), alerts)
        done = asyncio.Event()
        reading = asyncio.create_task(_read(client, below.urls(), burst.reader, done))
        began = time.monotonic()
        waiting = deque(plan(senders, alerts))
        await asyncio.gather(*[_send(below.urls()[n % 2], waiting) for n in range(CONNECTIONS)])
        burst.took = time.monotonic() - began
        done.set()
        await reading
    await _account(below.url, burst)
    return burst


async def _integration(client: httpx.AsyncClient, url: str, limit: int | None) -> Sender:
    body = {"name": "Burst", "kind": "alertmanager", "on_resolve": "resolve", "flap_window_seconds": 0}
    reply = await client.post(
        f"{url}/v1/alert-integrations", json={**body, "storm_limit": limit, "storm_window_seconds": 3_600}
    )
    assert reply.status_code == 201, reply.text
    return Sender(reply.json()["id"], reply.json()["routing_key"], limit)


def plan(senders: list[Sender], alerts: int) -> list[tuple[Sender, bool, str]]:
    """For each alert its sender, whether it is an end, and its key: mixed, and the same each time."""
    chance, keys = random.Random(11), max(1, alerts // PER_KEY)
    return [(senders[n % 2], chance.random() < ENDS, f"key-{chance.randrange(keys)}") for n in range(alerts)]


async def _send(url: str, waiting: "deque[tuple[Sender, bool, str]]") -> None:
    """One alert a body, one after the other over one connection; what is refused as too much is sent again."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    while waiting:
        sender, is_end, key = waiting.popleft()
        while True:
            writer.write(_request(sender, key, is_end=is_end))
            status, answer = await _answer(reader)
            if status == httpx.codes.ACCEPTED:
                break
            assert status == httpx.codes.SERVICE_UNAVAILABLE, answer
            sender.again += 1
            await asyncio.sleep(0.2)
        [one] = answer["alerts"]
        sender.told[one["outcome"]] += 1
        sender.triggers += not is_end
    writer.close()


def body_of(key: str, *, is_end: bool) -> dict[str, Any]:
    """One alert as Alertmanager sends it. It says no beginning, so that none is too late."""
    alert = {
        "status": "resolved" if is_end else "firing",
        "labels": {"alertname": "DiskFull", "instance": key, "severity": "warning"},
        "annotations": {"summary": f"Disk of {key} is full"},
        "fingerprint": key,
    }
    return {"version": "4", "status": alert["status"], "alerts": [alert]}


def _request(sender: Sender, key: str, *, is_end: bool) -> bytes:
    body = json.dumps(body_of(key, is_end=is_end)).encode()
    head = f"POST /v1/alert-intake HTTP/1.1\r\nHost: burst\r\nX-Routing-Key: {sender.key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


async def _read(client: httpx.AsyncClient, urls: list[str], reader: Reader, done: asyncio.Event) -> None:
    while not done.is_set():
        began = time.monotonic()
        reply = await client.get(f"{urls[len(reader.waits) % 2]}/v1/tickets?limit=25")
        reader.waits.append(time.monotonic() - began)
        reader.refused[reply.status_code] += reply.status_code != httpx.codes.OK
        await asyncio.sleep(READ_EVERY_SECONDS)


async def _account(url: str, burst: Burst) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    try:
        for sender in burst.senders:
            facts = await connection.fetchrow(FACTS, parse_id("ain", sender.id))
            assert facts is not None
            burst.wrong += differences(sender, dict(facts))
    finally:
        await connection.close()
    if sum(sender.told.total() for sender in burst.senders) != burst.alerts:
        burst.wrong.append("an alert was not answered")
    if burst.reader.refused.total() or not burst.reader.waits:
        burst.wrong.append(f"the other caller was refused: {burst.reader.refused}")


def differences(sender: Sender, facts: dict[str, int]) -> list[str]:
    """What was answered against what is there."""
    told = sender.told
    begun = told["opened"] + told["attached"]
    allowed = begun if sender.storm_limit is None else min(begun, sender.storm_limit)
    pairs = {
        "alerts": (facts["alerts"], begun),
        "triggers": (facts["triggers"], sender.triggers),
        "answers": (told.total(), begun + told["repeated"] + told["resolved"] + told["dropped"]),
        "alerts without a ticket": (facts["lost"], 0),
        "keys that are open twice": (facts["twice"], 0),
        "alerts in a storm": (facts["in_storm"], told["attached"]),
        "tickets": (facts["tickets"], allowed),
    }
    return [f"{what}: {found} instead of {wanted}" for what, (found, wanted) in pairs.items() if found != wanted]


def report(burst: Burst) -> str:
    waits = sorted(burst.reader.waits)
    p50, p95 = (1_000 * waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.95))
    rate = f"{burst.took:.0f} s: {burst.alerts / burst.took:.0f} a second"
    lines = [f"{burst.alerts} alerts over {CONNECTIONS} connections in {rate}"]
    for one in burst.senders:
        name = f"storm limit {one.storm_limit}" if one.storm_limit else "a ticket for each"
        lines.append(f"{name}: {dict(one.told)}, sent again {one.again} times")
    most = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, most {1_000 * waits[-1]:.0f} ms"
    lines.append(f"another caller read {len(waits)} times meanwhile: {most}")
    return "\n".join([*lines, *(f"WRONG: {one}" for one in burst.wrong)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.burst", description=__doc__)
    parser.add_argument("--alerts", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helpdesk-burst-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        burst = run(Path(name), alerts=arguments.alerts)
    sys.stdout.write(f"{report(burst)}\n")
    return 1 if burst.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
