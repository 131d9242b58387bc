"""The job queue over HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.jobs.queue import NewJob, enqueue, enqueue_many
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.jobs.tables import queue
from tests.fixtures.clients import posted_twice

FAILURE = '{"exception_type": "KeyError", "exception_message": "no such thing"}'


async def fail_jobs(database: Database) -> None:
    """What the runner leaves of jobs that it gave up."""
    async with database.session() as session:
        await session.execute(update(queue).values(status="failed", attempts=3))
        await session.execute(
            text(
                "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
                " SELECT id, 'failed', 0, entrypoint, CAST(:failure AS jsonb) FROM pgqueuer"
            ),
            {"failure": FAILURE},
        )


async def test_a_waiting_job_is_shown(admin_client: httpx.AsyncClient, database: Database) -> None:
    at = clock.now() + timedelta(hours=1)
    async with database.session() as session:
        await enqueue(session, "probe.work", {"ticket_id": "tkt_1"}, run_at=at)
    (job,) = (await admin_client.get("/v1/jobs?name=probe.work")).json()["data"]
    assert job["arguments"] == [{"name": "ticket_id", "value": "tkt_1"}]
    assert (job["status"], job["attempts"], job["last_error"]) == ("queued", 0, None)
    read = await admin_client.get(f"/v1/jobs/{job['id']}")
    assert read.json() == job
    unchanged = await admin_client.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert unchanged.status_code == 304


async def test_a_dead_letter_says_why_and_runs_again(admin_client: httpx.AsyncClient, database: Database) -> None:
    async with database.session() as session:
        await enqueue(session, "probe.work", {"n": 1}, dedupe_key="probe")
    await fail_jobs(database)
    (job,) = (await admin_client.get("/v1/jobs?status=failed")).json()["data"]
    assert job["last_error"]["type"] == "KeyError"
    assert job["last_error"]["message"] == "no such thing"
    reply = await posted_twice(admin_client, f"/v1/jobs/{job['id']}/requeue")
    assert reply.status_code == 204
    seen: list[Any] = []

    async def work(session: AsyncSession, payload: dict[str, Any]) -> None:
        del session
        seen.append(payload)

    await run_due(database, {"probe.work": work})
    assert seen == [{"n": 1}]
    gone = await admin_client.get(f"/v1/jobs/{job['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "job_not_found")


async def test_only_a_failed_job_can_be_queued_again(admin_client: httpx.AsyncClient, database: Database) -> None:
    async with database.session() as session:
        await enqueue(session, "probe.work", {})
    (job,) = (await admin_client.get("/v1/jobs")).json()["data"]
    reply = await admin_client.post(f"/v1/jobs/{job['id']}/requeue")
    assert (reply.status_code, reply.json()["code"]) == (409, "job_not_failed")


async def test_a_job_whose_work_is_queued_anew_is_superseded(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    async with database.session() as session:
        await enqueue(session, "probe.work", {"n": 1}, dedupe_key="same")
    await fail_jobs(database)
    async with database.session() as session:
        await enqueue(session, "probe.work", {"n": 2}, dedupe_key="same")
    (failed,) = (await admin_client.get("/v1/jobs?status=failed")).json()["data"]
    reply = await admin_client.post(f"/v1/jobs/{failed['id']}/requeue")
    assert (reply.status_code, reply.json()["code"]) == (409, "job_superseded")


async def test_pages(admin_client: httpx.AsyncClient, database: Database) -> None:
    async with database.session() as session:
        await enqueue_many(session, [NewJob(name="probe.work", payload={"n": n}) for n in range(5)])
    numbers: list[str] = []
    query = "limit=2"
    while query:
        page = (await admin_client.get(f"/v1/jobs?{query}")).json()
        numbers += [job["arguments"][0]["value"] for job in page["data"]]
        query = f"limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert numbers == ["4", "3", "2", "1", "0"]
    assert (await admin_client.get("/v1/jobs?include_total=true&limit=1")).json()["total"] == 5


@pytest.mark.parametrize("job_id", [public_id("job", new_id()), f"job_{1:032x}"], ids=["uuid7", "number"])
async def test_an_unknown_job_is_not_found(admin_client: httpx.AsyncClient, job_id: str) -> None:
    for method, path in (("GET", ""), ("POST", "/requeue")):
        reply = await admin_client.request(method, f"/v1/jobs/{job_id}{path}")
        assert (reply.status_code, reply.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize("call", ["GET ", f"GET /job_{1:032x}", f"POST /job_{1:032x}/requeue"])
async def test_is_for_operators(supervisor_client: httpx.AsyncClient, call: str) -> None:
    method, _, path = call.partition(" ")
    reply = await supervisor_client.request(method, f"/v1/jobs{path}")
    assert (reply.status_code, reply.json()["code"]) == (403, "missing_scope")
