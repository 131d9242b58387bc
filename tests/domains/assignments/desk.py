"""What the tests of assigning share: loads as the tickets say they must be, and steps as the API tells them."""

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from helpdesk_api import wiring
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.assignments.rules import WEIGHTS
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.outbox.relay import REACT_JOB, Relay, react


async def after_commit(database: Database) -> None:
    """Everything that a worker would do now, until nothing is left; its mail is kept from leaving."""
    delivery.use_transport(FakeMail())
    relay = Relay(database, wiring.REACTIONS, followers=wiring.FOLLOWERS)
    handlers = {**wiring.JOBS, REACT_JOB: react(wiring.REACTIONS)}
    while await relay.relay_batch() or await run_due(database, handlers):
        pass


async def loads(database: Database) -> dict[UUID, tuple[int, int]]:
    """Kept load and count of everybody who has any."""
    async with database.reads() as reads:
        rows = await reads.fetch(select(Agent.user_id, Agent.open_load, Agent.open_count))
    return {
        row["user_id"]: (row["open_load"], row["open_count"]) for row in rows if row["open_load"] or row["open_count"]
    }


async def loads_by_tickets(database: Database) -> dict[UUID, tuple[int, int]]:
    """The same, counted anew."""
    async with database.reads() as reads:
        rows = await reads.fetch(
            select(Ticket.assignee_id, Ticket.priority).where(
                Ticket.assignee_id.is_not(None), Ticket.status.in_(sorted(ACTIVE_STATUSES))
            )
        )
    found: dict[UUID, tuple[int, int]] = {}
    for row in rows:
        load, count = found.get(row["assignee_id"], (0, 0))
        found[row["assignee_id"]] = (load + WEIGHTS[row["priority"]], count + 1)
    return found


def usr(user: Any) -> str:
    return f"usr_{user.id.hex}"


def tea(team: Any) -> str:
    return f"tea_{team.id.hex}"


async def open_ticket(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post(
        "/v1/tickets", json={"subject": "VPN drops", "description": "Every five minutes.", **body}
    )
    assert reply.status_code == 201, reply.text
    opened: dict[str, Any] = reply.json()
    return opened


async def steps_of(client: httpx.AsyncClient, ticket: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Step, decider and outcome of every decision, oldest first."""
    reply = await client.get(f"/v1/tickets/{ticket['id']}/assignments")
    assert reply.status_code == 200, reply.text
    return [(step["step"], step["decided_by"], step["to"]) for step in reply.json()["data"]]


def refused(reply: httpx.Response, status: int, code: str, pointer: str | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = reply.json()
    assert (reply.status_code, problem["code"]) == (status, code), reply.text
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    return problem
