"""Tickets whose past is being imported: their clocks rest where that ends by now, until something happens today."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.timers import fire_due
from helpdesk_api.domains.tickets.jobs import resume_scheduled
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.worker import drain, handlers
from tests.domains.sla.test_clocks import OFFICE, no_differences, opened, promised_in, slas, told
from tests.domains.sla.test_policies import ALWAYS, TARGETS, drafted, first_in_order
from tests.factories.records import Make

DONE = {"resolution_code": "fixed", "resolution_text": "Done."}


@pytest.fixture(autouse=True)
def _mail() -> None:
    delivery.use_transport(FakeMail())


async def timers_of(database: Database, ticket: dict[str, Any]) -> set[datetime | None]:
    async with database.session() as session:
        ongoing = (SlaClock.ticket_id == parse_id("tkt", ticket["id"]), SlaClock.ended_at.is_(None))
        return set(await session.scalars(select(SlaClock.next_timer_at).where(*ongoing)))


@pytest.mark.parametrize(
    ("metric", "other_calendar"),
    [("resolution", True), ("resolution", False), ("update", True), ("update", False)],
)
async def test_a_preview_counts_until_where_an_imported_past_ends(
    admin_client: httpx.AsyncClient, database: Database, metric: str, other_calendar: bool
) -> None:
    """As publishing then does, be it a deadline that moves or a clock that begins."""
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        office = await admin_client.post(
            "/v1/calendars", json={"name": "O", "time_zone": "UTC", "weekly_hours": OFFICE}
        )
        policy = await drafted(admin_client, name="Imported")
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        await drain(database)
        now.advance(days=30)
        # Opened on a Saturday; its past ends on Monday at ten, and one of these has been resolved in time.
        tickets = [await opened(admin_client, occurred_at="2026-03-07T09:00:00Z") for _ in range(2)]
        at = {"Occurred-At": "2026-03-09T10:00:00Z"}
        for ticket in tickets:
            changed = await admin_client.patch(f"/v1/tickets/{ticket['id']}", json={"type": "problem"}, headers=at)
            assert changed.status_code == 200, changed.text
        targets = [{**TARGETS[0], "seconds": 400_000}, {"metric": metric, "priority": "medium", "seconds": 400_000}]
        longer = {"targets": targets[-1 if metric == "resolution" else 0 :]}
        calendar_id = office.json()["id"] if other_calendar else ALWAYS
        assert (await admin_client.patch(path, json={**longer, "calendar_id": calendar_id})).status_code == 200
        shown = (await admin_client.post(f"{path}/preview", json={})).json()
        foretold = {(one["ticket_id"], one["metric"]): one["new_due_at"] for one in shown["data"]}
        foretold |= {(one["ticket_id"], one["metric"]): one["due_at"] for one in shown["begins"]}
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        now.advance(seconds=10)
        await drain(database)
        became = {
            (ticket["id"], name): sla["ongoing_cycle"]["due_at"]
            for ticket in tickets
            for name, sla in (await slas(admin_client, ticket)).items()
        }
        assert foretold == became
        assert len(became) == (2 if metric == "resolution" else 4)
        await no_differences(database)


async def test_no_import_ends_a_clock_before_what_it_has_told(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, calendar_id=ALWAYS)
        now.advance(hours=81)
        assert await fire_due(database) == 1
        path = f"/v1/tickets/{ticket['id']}"
        for verb, body in (("resolve", DONE), ("comments", {"body": "Done."})):
            early = {"Occurred-At": "2026-03-05T16:59:59Z"}
            refused = await admin_client.post(f"{path}/{verb}", json=body, headers=early)
            assert (refused.status_code, refused.json()["code"]) == (422, "instant_out_of_order")
            assert refused.json()["errors"][0]["parameter"] == "Occurred-At"
        assert (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["state"] == "running"
        later = {"Occurred-At": "2026-03-05T17:00:00Z"}
        assert (await admin_client.post(f"{path}/resolve", json=DONE, headers=later)).status_code == 200
        (done,) = (await slas(admin_client, ticket))["resolution"]["completed_cycles"]
        assert (done["state"], done["ended_at"]) == ("breached", done["breached_at"])
        await no_differences(database)


@pytest.mark.parametrize(("seconds", "tells"), [(80 * 3600, set()), (7200, {"sla.warned", "sla.breached"})])
async def test_what_follows_and_tells_nothing_of_its_instant_counts_nothing(
    admin_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    database: Database,
    a_team: Make,
    seconds: int,
    tells: set[str],
) -> None:
    """A question was promised an answer and never asked, so that other promises look at the ticket and begin nothing,
    though they may find a breach that no timer has told: what happened to it since may still be told."""
    metrics = ("first_response", "resolution", "next_response")
    targets = [{"metric": metric, "priority": "medium", "seconds": seconds} for metric in metrics]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, targets=targets)
        now.advance(hours=4)
        team = f"tea_{(await a_team()).id.hex}"
        other = await drafted(admin_client, name="Between teams", kind="ola", team_id=team)
        assert (await admin_client.post(f"/v1/sla-policies/{other['id']}/publish", json={})).status_code == 200
        now.advance(seconds=10)
        # Before the timers look.
        assert await run_due(database, handlers()) > 0
        assert {kind for kind, _, _ in await told(database, ticket)} - {"sla.started"} == tells
        past = {"Occurred-At": "2026-03-02T12:00:00Z"}
        held = await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "requester"}, headers=past)
        assert held.status_code == 200, held.text
        ongoing = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]
        assert ongoing["elapsed"]["working_seconds"] == 3 * 3600
        await no_differences(database)


TODAY = {
    "a field that no clock reads": ("PATCH", "", {"affected_service": "VPN"}),
    "an internal comment": ("POST", "/comments", {"body": "Hm.", "visibility": "internal"}),
    "a public comment": ("POST", "/comments", {"body": "Hm."}),
    "a person on it": ("PUT", "/participants/{user}", None),
    "a watcher": ("PUT", "/watchers/{user}", None),
    "a task": ("POST", "/checklist-items", {"title": "Look."}),
    "a link": ("POST", "/links", {"kind": "relates_to", "ticket_id": "{other}"}),
    "a deadline": ("PUT", "/slas/{sla}/deadline", {"due_at": "2026-06-01T09:00:00Z"}),
}


@pytest.mark.parametrize("what", TODAY)
async def test_the_first_change_of_today_brings_the_timers_back(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_user: Make, what: str
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        other = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, calendar_id=ALWAYS)
        now.advance(days=2)
        ticket = await opened(admin_client, occurred_at="2026-03-03T09:00:00Z")
        path = f"/v1/tickets/{ticket['id']}"
        past = {"Occurred-At": "2026-03-03T10:00:00Z"}
        assert await timers_of(database, ticket) == {None}
        user = f"usr_{(await a_user(role=Role.AGENT)).id.hex}"
        assert (await admin_client.patch(path, json={"tags": ["vpn"]}, headers=past)).status_code == 200
        assert (await admin_client.put(f"{path}/watchers/{user}", headers=past)).status_code == 204
        assert (await admin_client.delete(f"{path}/watchers/{user}", headers=past)).status_code == 204
        assert await timers_of(database, ticket) == {None}
        await no_differences(database)
        sla_id = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["id"]
        method, place, body = TODAY[what]
        body = {name: value.format(other=other["id"]) for name, value in body.items()} if body else None
        reply = await admin_client.request(method, f"{path}{place.format(user=user, sla=sla_id)}", json=body)
        assert reply.status_code in {200, 201, 204}, reply.text
        timers = await timers_of(database, ticket)
        assert timers
        assert None not in timers
        await no_differences(database)
        # And all that was due by then is told.
        now.advance(days=200)
        while await fire_due(database):
            pass
        ongoing = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]
        assert ongoing["is_breached"]
        await no_differences(database)


async def test_what_went_on_by_itself_in_an_imported_past_is_told_and_not_done(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    """Else the scheduled job would do it today, and the rest of the past would come too late."""
    with clock.frozen(datetime.fromisoformat("2026-03-20T09:00:00+00:00")):
        for resumes_at, kept in (
            ("2026-03-04T10:00:00Z", None),
            ("2026-03-21T10:00:00Z", "2026-03-21T10:00:00.000000Z"),
        ):
            ticket = await opened(admin_client, occurred_at="2026-03-03T09:00:00Z")
            path = f"/v1/tickets/{ticket['id']}"
            body = {"reason": "scheduled", "resumes_at": resumes_at}
            past = {"Occurred-At": "2026-03-03T10:00:00Z"}
            held = await admin_client.post(f"{path}/pend", json=body, headers=past)
            assert (held.status_code, held.json()["resumes_at"]) == (200, kept), held.text
            async with database.session() as session:
                await resume_scheduled(session, {})
            past["Occurred-At"] = "2026-03-04T10:00:00Z"
            assert (await admin_client.post(f"{path}/resume", json={}, headers=past)).status_code == 200
        await no_differences(database)
