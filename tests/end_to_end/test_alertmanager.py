"""A real Prometheus and two Alertmanagers at once: fire, repeat, resolve, fire again, and exactly the tickets due."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.desk import posted, sign_in
from tests.end_to_end.monitoring import Monitoring, binaries, monitoring
from tests.end_to_end.served import Served

LIFE_SECONDS = 120.0
FULL, FREE = 0.05, 0.5
pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(400),
    pytest.mark.skipif(binaries() is None, reason="prometheus and alertmanager are not on the PATH"),
]


async def test_a_whole_life_from_two_replicas_is_exactly_the_tickets_due(product: Served, tmp_path: Path) -> None:
    admin = await sign_in(product.url, "edda@tarnwick.example.com", "keys-to-the-bakery")
    body = {"name": "Two replicas", "kind": "alertmanager", "on_resolve": "resolve", "asset_labels": ["host"]}
    made = await posted(admin, "/v1/alert-integrations", {**body, "flap_window_seconds": 3_600})
    with monitoring(f"{product.url}/v1/alert-intake", made["routing_key"], tmp_path) as run:
        async with aclosing(admin):
            await _live(admin, made, run)


async def _live(admin: httpx.AsyncClient, made: dict[str, Any], run: Monitoring) -> None:
    deadline = time.monotonic() + LIFE_SECONDS

    async def alerts() -> list[dict[str, Any]]:
        reply = await admin.get("/v1/alerts", params={"integration_id": made["id"], "limit": 200})
        found: list[dict[str, Any]] = reply.json()["data"]
        return found

    async def until(what: str, holds: Callable[[list[dict[str, Any]]], Awaitable[bool]]) -> list[dict[str, Any]]:
        while time.monotonic() < deadline:
            found = await alerts()
            if await holds(found):
                return found
            await asyncio.sleep(0.5)
        message = f"not within {LIFE_SECONDS:.0f} s: {what}; alerts {found}; sent {run.sent()}"
        raise AssertionError(message)

    def states(*wanted: tuple[str, str]) -> Callable[[list[dict[str, Any]]], Awaitable[bool]]:
        async def hold(found: list[dict[str, Any]]) -> bool:
            return sorted((one["labels"]["host"], one["state"]) for one in found) == sorted(wanted)

        return hold

    run.gauges |= {"db-1": FULL, "db-2": FULL, "db-3": FREE}
    first = await until("both fire", states(("db-1", "open"), ("db-2", "open")))
    tickets = {one["labels"]["host"]: one["ticket_id"] for one in first}

    async def repeated(found: list[dict[str, Any]]) -> bool:
        # More than one replica could make of it alone, and both have sent.
        return all(one["count"] >= 6 for one in found) and min(run.sent()) >= 3

    await until("both repeat, from both replicas", repeated)
    run.gauges["db-1"] = FREE
    await until("one ends", states(("db-1", "resolved"), ("db-2", "open")))
    assert (await admin.get(f"/v1/tickets/{tickets['db-1']}")).json()["status"] == "resolved"
    run.gauges["db-1"] = FULL
    again = await until("it begins again", states(("db-1", "resolved"), ("db-1", "open"), ("db-2", "open")))
    assert {one["ticket_id"] for one in again} == set(tickets.values())
    reopened = (await admin.get(f"/v1/tickets/{tickets['db-1']}")).json()
    # Assigned work reopens where it was: in somebody's hands.
    status = "open" if reopened["assignee_id"] is None else "in_progress"
    assert (reopened["status"], reopened["reopened_count"]) == (status, 1)
    # Without a window the next one is new.
    reply = await admin.patch(f"/v1/alert-integrations/{made['id']}", json={"flap_window_seconds": 0})
    assert reply.status_code == httpx.codes.OK, reply.text
    run.gauges["db-2"] = FREE
    await until("the other ends", states(("db-1", "resolved"), ("db-1", "open"), ("db-2", "resolved")))
    run.gauges["db-2"] = FULL
    last = await until(
        "the other is new", states(("db-1", "resolved"), ("db-1", "open"), ("db-2", "resolved"), ("db-2", "open"))
    )
    assert len({one["ticket_id"] for one in last}) == 3
    listed = (await admin.get("/v1/tickets", params={"channel": "monitoring", "limit": 200})).json()["data"]
    mine = [one["subject"] for one in listed if one["requester_id"] == made["user_id"]]
    assert sorted(mine) == ["Disk of db-1 is full", "Disk of db-2 is full", "Disk of db-2 is full"]
