"""A real incident log replayed through the import clock, over TCP: clocks, pauses, breaches, as they would have been.

`HELPDESK_E2E_INCIDENTS` says how many; all 7,190 of the log take some minutes. With `HELPDESK_E2E_REPORT` a comparison
with the log's own `made_sla` is written to that file.
"""

import asyncio
import os
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.desk import posted, sign_in
from tests.end_to_end.incident_log import PENDING, TARGETS, Incident, incidents
from tests.end_to_end.served import Served
from tests.end_to_end.test_real_input import every
from tests.fixtures.forking import python

COUNT = int(os.environ.get("HELPDESK_E2E_INCIDENTS", "24"))
REPORT = os.environ.get("HELPDESK_E2E_REPORT")
CLIENTS = 8
SOURCE = "incident-log"
pytestmark = [pytest.mark.processes, pytest.mark.timeout(3_600)]


async def test_the_past_is_counted_as_it_was(product: Served) -> None:
    past = incidents(COUNT)
    admin = await sign_in(product.url, "edda@tarnwick.example.com", "keys-to-the-bakery")
    groups = sorted({group for one in past for _, _, group in one.steps})
    teams = {
        group: (await posted(admin, "/v1/teams", {"name": f"Log {group}", "auto_assign": False}))["id"]
        for group in groups
    }
    try:
        waiting = past[::-1]
        tickets: dict[str, dict[str, Any]] = {}

        async def client() -> None:
            while waiting:
                one = waiting.pop()
                tickets[one.number] = await live(admin, one, teams)

        await asyncio.gather(*[client() for _ in range(CLIENTS)])
        outcomes = [await outcome(admin, one, tickets[one.number]) for one in past]
        assert len(tickets) == len(past)
        # The past is not news.
        ours = {ticket["id"] for ticket in tickets.values()}
        assert [mail for mail in await every(admin, "/v1/mail-messages") if mail["ticket_id"] in ours] == []
    finally:
        await admin.aclose()
    environment = {**os.environ, "HELPDESK_DATA_DIR": str(product.data_dir)}
    command = [python(), "-c", "from helpdesk_api.cli import app; app()", "sla", "recompute"]
    compared = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert compared.stderr.rstrip().endswith(" 0 differences")
    if REPORT:
        await asyncio.to_thread(Path(REPORT).write_text, report(past, outcomes))


async def live(client: httpx.AsyncClient, one: Incident, teams: dict[str, str]) -> dict[str, Any]:
    """Opened, worked on and closed in its own time."""
    body = {
        "subject": f"Incident {one.number}",
        "description": "From the log.",
        "priority": one.priority,
        "priority_reason": "As in the log.",
        "impact": one.impact,
        "urgency": one.urgency,
        "external_source": SOURCE,
        "external_id": one.number,
        "occurred_at": one.opened_at.isoformat(),
    }
    ticket = await posted(client, "/v1/tickets", body)
    path, status = f"/v1/tickets/{ticket['id']}", "open"
    for at, state, group in one.steps:
        headers = {"Occurred-At": at.isoformat()}
        if status != "closed":
            reply = await client.post(f"{path}/assignments", json={"team_id": teams[group]}, headers=headers)
            assert reply.status_code == 201, reply.text
        for verb, given in verbs(status, state):
            reply = await client.post(f"{path}/{verb}", json=given, headers=headers)
            assert reply.status_code == 200, (one.number, verb, reply.text)
            status = reply.json()["status"]
    return ticket


def verbs(status: str, state: str) -> list[tuple[str, dict[str, str]]]:
    """How the product gets from its status to the log's state."""
    resolve: tuple[str, dict[str, str]] = ("resolve", {"resolution_code": "fixed", "resolution_text": "As in the log."})
    back: list[tuple[str, dict[str, str]]] = []
    if status == "resolved":
        back = [("reopen", {"reason": "As in the log."})]
    elif status == "pending":
        back = [("resume", {})]
    if status == "closed":
        return []
    if state in PENDING:
        return [*back, ("pend", {"reason": PENDING[state]})]
    if state == "Resolved":
        return [] if status == "resolved" else [resolve]
    if state == "Closed":
        return [("close", {})] if status == "resolved" else [resolve, ("close", {})]
    if state == "Active":
        return back or ([("start", {})] if status == "open" else [])
    return back


async def outcome(client: httpx.AsyncClient, one: Incident, ticket: dict[str, Any]) -> dict[str, Any]:
    """The resolution's clock, and its explanation, against a count of the log's own rows."""
    reply = await client.get(f"/v1/tickets/{ticket['id']}/slas")
    clocks = {sla["metric"]: sla for sla in reply.json()["data"]}
    cycles = clocks["resolution"]["completed_cycles"]
    assert clocks["resolution"]["ongoing_cycle"] is None
    used = timedelta(seconds=sum(cycle["elapsed"]["working_seconds"] for cycle in cycles))
    assert used == one.expected_use(), one.number
    explained = (await client.get(f"/v1/tickets/{ticket['id']}/slas/{cycles[0]['id']}/explain")).json()
    counted = sum(segment["seconds"] for segment in explained["segments"] if segment["is_counted"])
    assert counted == cycles[0]["elapsed"]["working_seconds"]
    for cycle in cycles:
        late = timedelta(seconds=cycle["elapsed"]["working_seconds"]) > timedelta(hours=TARGETS[one.priority])
        assert cycle["is_breached"] == late
    waited = sum(segment["seconds"] for segment in explained["segments"] if segment["why"] == "paused")
    return {"met": not any(cycle["is_breached"] for cycle in cycles), "used": used, "waited": waited}


def report(past: list[Incident], outcomes: list[dict[str, Any]]) -> str:
    """Our outcome against the log's own, and what explains the differences."""
    table: Counter[tuple[bool, bool]] = Counter()
    causes: Counter[str] = Counter()
    for one, found in zip(past, outcomes, strict=True):
        table[found["met"], one.made_sla] += 1
        target = timedelta(hours=TARGETS[one.priority])
        if found["met"] and not one.made_sla:
            with_waiting = found["used"] + timedelta(seconds=found["waited"])
            waits = "log late, we in time: waiting counted there"
            causes[waits if with_waiting > target else _shorter(one, found)] += 1
        elif not found["met"] and one.made_sla:
            hours = found["used"] / timedelta(hours=1)
            causes[f"we late, log in time: its {one.priority} target is longer (up to {_band(hours)})"] += 1
    lines = [f"incidents: {len(past)}"]
    lines += [f"we {_said(ours)}, log {_said(theirs)}: {count}" for (ours, theirs), count in sorted(table.items())]
    lines += [f"{cause}: {count}" for cause, count in causes.most_common()]
    return "\n".join([*lines, ""])


def _shorter(one: Incident, found: dict[str, Any]) -> str:
    closed: datetime = one.steps[-1][0]
    to_closure = closed - one.opened_at > timedelta(hours=TARGETS[one.priority]) and found["used"] > timedelta(0)
    why = "counted to closure, or a shorter target" if to_closure else "a shorter target"
    return f"log late, we in time: {why} there ({one.priority})"


def _band(hours: float) -> str:
    return next((f"{days} days" for days in (2, 3, 5, 7, 14, 30) if hours <= 24 * days), "over 30 days")


def _said(met: bool) -> str:
    return "in time" if met else "late"
