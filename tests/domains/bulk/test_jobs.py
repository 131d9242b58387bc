"""Bulk jobs: the tickets that were looked at, each once, whoever is killed or changes their mind in between."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select, text, update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.bulk import jobs
from helpdesk_api.domains.bulk.models import BulkJob
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.jobs.tables import queue
from helpdesk_api.wiring import JOBS
from tests.domains.bulk.test_bulk import REPLY, RESOLVE, TAKE, WRONG, types_of
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

BULK = {jobs.RUN: jobs.run}
_OWN = {"id", "number"}


@pytest.fixture
async def tickets(requester_client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return [await opened(requester_client, tags=["outage"]) for _ in range(45)]


async def begun(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post("/v1/bulk-jobs", json=body)
    assert reply.status_code == 202, reply.text
    job: dict[str, Any] = reply.json()
    assert reply.headers["location"] == f"/v1/bulk-jobs/{job['id']}"
    return job


async def read(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    reply = await client.get(f"/v1/bulk-jobs/{job['id']}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def one_batch(database: Database) -> None:
    """As a worker does it: the first waiting job, and its outcome, in one transaction."""
    async with database.session() as session:
        row = (await session.execute(select(queue).where(queue.c.entrypoint == jobs.RUN).order_by(queue.c.id))).first()
        assert row is not None
        await session.execute(delete(queue).where(queue.c.id == row.id))
        (job_id,) = (await session.scalars(select(BulkJob.id))).all()
        await jobs.run(session, {"job_id": job_id.hex})


async def test_all_that_a_question_found(
    tickets: list[dict[str, Any]],
    agent_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    database: Database,
) -> None:
    job = await begun(agent_client, query="tag:outage is:open", expected_count=45, steps=[TAKE, REPLY, RESOLVE])
    assert (job["status"], job["progress"]) == ("queued", {"total": 45, "done": 0, "failed": 0})
    late = await opened(requester_client, tags=["outage"])
    await agent_client.post(f"/v1/tickets/{tickets[7]['id']}/cancel", json={"reason": "A test."})
    held = await agent_client.get(f"/v1/bulk-jobs/{job['id']}")
    kept = {"If-None-Match": held.headers["etag"]}
    assert (await agent_client.get(f"/v1/bulk-jobs/{job['id']}", headers=kept)).status_code == 304
    await run_due(database, JOBS)
    ended = await read(agent_client, job)
    assert (ended["status"], ended["progress"]) == ("done", {"total": 45, "done": 44, "failed": 1})
    assert (await agent_client.get(f"/v1/tickets/{tickets[0]['id']}")).json()["status"] == "resolved"
    assert (await agent_client.get(f"/v1/tickets/{late['id']}")).json()["status"] == "open"
    failed = (await agent_client.get(ended["result_url"], params={"is_failed": "true"})).json()["data"]
    assert [(one["ticket_id"], one["status"], one["problem"]["code"]) for one in failed] == [
        (tickets[7]["id"], 409, "transition_not_allowed")
    ]
    # Its reply and its new assignee went with the step that failed.
    assert {"comment.created", "ticket.assigned"}.isdisjoint(await types_of(agent_client, tickets[7]))
    first = (await agent_client.get(ended["result_url"], params={"limit": 30})).json()
    second = (await agent_client.get(ended["result_url"], params={"limit": 30, "cursor": first["next_cursor"]})).json()
    assert [one["ticket_id"] for one in first["data"] + second["data"]] == [ticket["id"] for ticket in tickets]
    assert (await agent_client.get(f"/v1/bulk-jobs/{job['id']}", headers=kept)).status_code == 200


async def test_nobody_changes_more_than_they_looked_at(
    tickets: list[dict[str, Any]], agent_client: httpx.AsyncClient, database: Database
) -> None:
    reply = await agent_client.post(
        "/v1/bulk-jobs", json={"query": "tag:outage", "expected_count": 44, "steps": [TAKE]}
    )
    assert (reply.status_code, reply.json()["code"], reply.json()["params"]) == (409, "count_changed", {"count": 45})
    named, asked = {"ticket_ids": [tickets[0]["id"]]}, {"query": "tag:outage"}
    for target, pointer in (
        ({}, "#/ticket_ids"),
        (asked, "#/expected_count"),
        ({**named, "expected_count": 1}, "#/expected_count"),
        ({**named, **asked, "expected_count": 1}, "#/ticket_ids"),
    ):
        reply = await agent_client.post("/v1/bulk-jobs", json={**target, "steps": [TAKE]})
        assert (reply.status_code, reply.json()["code"]) == (422, "bulk_target_unclear"), target
        assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
    twice = {"ticket_ids": [tickets[0]["id"], tickets[1]["id"], tickets[0]["reference"]], "steps": [TAKE]}
    reply = await agent_client.post("/v1/bulk-jobs", json=twice)
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == ("ticket_repeated", "#/ticket_ids/2")
    bad = {"query": "tag:(", "expected_count": 1, "steps": [TAKE]}
    assert (await agent_client.post("/v1/bulk-jobs", json=bad)).json()["code"] == "invalid_query"
    async with database.session() as session:
        assert (await session.scalars(select(BulkJob))).all() == []


async def test_a_batch_that_is_killed_is_done_once(
    tickets: list[dict[str, Any]], agent_client: httpx.AsyncClient, database: Database
) -> None:
    keys = [ticket["reference"] for ticket in tickets] + ["INC-999999"]
    job = await begun(agent_client, ticket_ids=keys, steps=[REPLY])
    await one_batch(database)
    assert (await read(agent_client, job))["progress"] == {"total": 46, "done": 20, "failed": 0}

    async def killed() -> None:
        async with database.session() as session:
            (job_id,) = (await session.scalars(select(BulkJob.id))).all()
            await jobs.run(session, {"job_id": job_id.hex})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await killed()
    assert (await read(agent_client, job))["progress"] == {"total": 46, "done": 20, "failed": 0}
    await run_due(database, BULK)
    assert (await read(agent_client, job))["progress"] == {"total": 46, "done": 45, "failed": 1}
    for ticket in tickets:
        said = (await agent_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"]
        assert len(said) == 1
    # A second run of a job that has ended does nothing.
    async with database.session() as session:
        (job_id,) = (await session.scalars(select(BulkJob.id))).all()
        await jobs.run(session, {"job_id": job_id.hex})
    assert (await read(agent_client, job))["progress"] == {"total": 46, "done": 45, "failed": 1}


async def test_it_can_be_stopped(
    tickets: list[dict[str, Any]], agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser, database: Database
) -> None:
    job = await begun(agent_client, ticket_ids=[ticket["id"] for ticket in tickets], steps=[REPLY])
    path = f"/v1/bulk-jobs/{job['id']}"
    other = as_user(await a_user(role=Role.AGENT))
    for call in (other.get(path), other.delete(path), other.get(f"{path}/results")):
        assert (await call).json()["code"] == "bulk_job_not_found"
    assert (await other.get("/v1/bulk-jobs")).json()["data"] == []
    await one_batch(database)
    assert (await agent_client.delete(path)).status_code == 204
    await run_due(database, BULK)
    ended = await read(agent_client, job)
    assert (ended["status"], ended["progress"]) == ("cancelled", {"total": 45, "done": 20, "failed": 0})
    again = await agent_client.delete(path)
    assert (again.status_code, again.json()["code"]) == (409, "bulk_job_ended")
    left = (await agent_client.get(f"{path}/results")).json()["data"]
    assert [one["status"] for one in left] == [200] * 20 + [None] * 25
    assert [one["id"] for one in (await agent_client.get("/v1/bulk-jobs")).json()["data"]] == [job["id"]]


async def test_rights_are_those_of_the_moment(
    tickets: list[dict[str, Any]], a_user: Make, as_user: AsUser, database: Database
) -> None:
    agent: User = await a_user(role=Role.AGENT)
    job = await begun(as_user(agent), ticket_ids=[ticket["id"] for ticket in tickets], steps=[TAKE])
    async with database.session() as session:
        await session.execute(update(User).where(User.id == agent.id).values(deactivated_at=clock.now()))
        await invalidate(session, "grants", agent.id.hex)
    await run_due(database, BULK)
    async with database.session() as session:
        row = (await session.scalars(select(BulkJob))).one()
        assert (row.status, row.problem_code, row.done) == ("failed", "caller_gone", 0)
    assert public_id("bjb", row.id) == job["id"]


async def test_one_key_begins_one_job(tickets: list[dict[str, Any]], agent_client: httpx.AsyncClient) -> None:
    body = {"ticket_ids": [tickets[0]["id"]], "steps": [WRONG]}
    replies = await asyncio.gather(
        *(agent_client.post("/v1/bulk-jobs", json=body, headers={"Idempotency-Key": "once"}) for _ in range(3))
    )
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len((await agent_client.get("/v1/bulk-jobs")).json()["data"]) == 1


async def test_old_ones_are_forgotten(
    tickets: list[dict[str, Any]], agent_client: httpx.AsyncClient, database: Database
) -> None:
    job = await begun(agent_client, ticket_ids=[tickets[0]["id"]], steps=[REPLY])
    await run_due(database, BULK)
    with clock.frozen(clock.now()) as moment:
        for days, status in ((29, 200), (2, 404)):
            moment.advance(days=days)
            async with database.session() as session:
                await jobs.forget(session, {})
            assert (await agent_client.get(f"/v1/bulk-jobs/{job['id']}")).status_code == status


async def test_hundreds_by_a_tree(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    first = await opened(requester_client, tags=["outage"])
    columns = [one for one in Ticket.__table__.c if one.computed is None and one.name not in _OWN]
    names = ", ".join(f'"{one.name}"' for one in columns)
    async with database.session() as session:
        await session.execute(
            text(
                f"INSERT INTO tickets (id, number, {names})"
                f" SELECT gen_random_uuid(), number + n, {names}"
                " FROM tickets, generate_series(1, 299) n"
            )
        )
    tree = {
        "all": [
            {"field": "tags", "op": "contains", "value": "outage"},
            {"not": {"field": "tags", "op": "in", "value": ["x"]}},
        ]
    }
    step = {"op": "update", "body": {"tags": ["outage", "told"]}}
    wrong = await agent_client.post("/v1/bulk-jobs", json={"conditions": tree, "expected_count": 299, "steps": [step]})
    assert (wrong.status_code, wrong.json()["params"]) == (409, {"count": 300})
    job = await begun(agent_client, conditions=tree, expected_count=300, steps=[step])
    for done in (20, 40):
        await one_batch(database)
        seen = await read(agent_client, job)
        assert (seen["status"], seen["progress"]) == ("running", {"total": 300, "done": done, "failed": 0})
    await run_due(database, BULK)
    assert (await read(agent_client, job))["progress"] == {"total": 300, "done": 300, "failed": 0}
    counted = await agent_client.get("/v1/tickets", params={"query": "tag:told", "limit": 1, "include_total": "true"})
    assert counted.json()["total"] == 300
    results = await agent_client.get(f"/v1/bulk-jobs/{job['id']}/results", params={"limit": 200})
    assert {one["status"] for one in results.json()["data"]} == {200}
    assert first["id"] in {one["ticket_id"] for one in results.json()["data"]}
