"""SLA policies: drafts, previews, publishing, and open tickets that follow."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text, update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Channel
from helpdesk_api.domains.comments.actions import note_automatically
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.sla import policy_actions
from helpdesk_api.domains.sla.calendar_models import AROUND_THE_CLOCK
from helpdesk_api.domains.sla.calendar_queries import lock_calendar
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.policy_queries import lock_policy
from helpdesk_api.domains.sla.preview import preview
from helpdesk_api.domains.sla.recompute import differences
from helpdesk_api.domains.sla.timers import fire_due
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.main import create_app
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.worker import drain
from tests.domains.sla.test_clocks import OFFICE, no_differences, opened, promised_in, slas
from tests.factories.records import Make, make_user, principal_of
from tests.fixtures.clients import BASE_URL, test_authenticator

ALWAYS = "cal_00000000000070008000000000000247"
STANDARD = "slp_00000000000070008000000000000301"
TARGETS = [{"metric": "resolution", "priority": "medium", "seconds": 7200}]
GOLD: dict[str, Any] = {"name": "Gold", "calendar_id": ALWAYS, "targets": TARGETS}


@pytest.fixture(autouse=True)
def _mail() -> None:
    delivery.use_transport(FakeMail())


async def drafted(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/v1/sla-policies", json={**GOLD, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def first_in_order(client: httpx.AsyncClient, policy: dict[str, Any]) -> None:
    rows = (await client.get("/v1/sla-policies")).json()["data"]
    ids = [policy["id"], *(row["id"] for row in rows if row["id"] != policy["id"])]
    assert (await client.put("/v1/sla-policies/order", json={"policy_ids": ids})).status_code == 204


async def test_the_standard_policy_is_there(agent_client: httpx.AsyncClient) -> None:
    (policy,) = (await agent_client.get("/v1/sla-policies")).json()["data"]
    assert policy["id"] == STANDARD
    seconds = {
        (target["metric"], target["priority"]): target["seconds"] // 3600 for target in policy["current"]["targets"]
    }
    assert seconds["first_response", "critical"] == 1
    assert seconds["resolution", "low"] == 72
    assert policy["current"]["warnings"] == [{"percent": 75}]


async def test_a_draft_binds_nobody_and_its_preview_changes_nothing(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        now.advance(hours=3)
        policy = await drafted(admin_client)
        await first_in_order(admin_client, policy)
        assert (policy["current"], policy["draft"]["number"]) == (None, 1)
        reply = await admin_client.post(f"/v1/sla-policies/{policy['id']}/preview", json={})
        shown = reply.json()
        assert (shown["open_tickets"], shown["moved"], shown["would_breach"]) == (1, 2, 1)
        moves = {move["metric"]: move for move in shown["data"]}
        assert moves["first_response"]["is_cancelled"]
        assert moves["resolution"]["would_breach"]
        assert moves["resolution"]["shift_seconds"] == -21 * 3600
        await drain(database)
        before = await slas(requester_client, ticket)
        assert before["resolution"]["ongoing_cycle"]["target_seconds"] == 24 * 3600
        published = await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        assert published.json()["current"]["number"] == 1
        await drain(database)
        after = await slas(requester_client, ticket)
        assert after["resolution"]["ongoing_cycle"]["target_seconds"] == 7200
        assert after["resolution"]["ongoing_cycle"]["is_breached"]
        assert after["first_response"]["completed_cycles"][0]["state"] == "cancelled"
        # Twice changes nothing more.
        await drain(database)
        assert await slas(requester_client, ticket) == after
        await no_differences(database)


async def noted_by_a_program(database: Database, ticket: dict[str, Any]) -> None:
    async with database.session() as session:
        principal = await principal_of(database, await make_user(database, role=Role.ADMIN))
        noted, _ = await lock_visible(session, principal, ticket["reference"])
        await note_automatically(
            session, principal, noted, "Over.", visibility=Visibility.PUBLIC, channel=Channel.MONITORING
        )


async def test_a_preview_tells_what_publishing_then_does(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_team: Make
) -> None:
    """Of metrics that the draft adds: with and without an answer, paused now or once, short of their target and past
    it, and though another team was done with its own."""
    team, other = await a_team(), await a_team()
    more = [
        {"metric": metric, "priority": "medium", "seconds": seconds}
        for metric, seconds in (("update", 4 * 3600), ("next_response", 3600), ("resolution", 24 * 3600))
    ]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        _, answered, asked, paused, rested, late = [await opened(requester_client) for _ in range(6)]
        now.advance(hours=1)
        for ticket in (paused, rested):
            await admin_client.post(f"/v1/tickets/{ticket['id']}/start", json={})
            await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "vendor"})
        for ticket in (answered, asked):
            await admin_client.post(f"/v1/tickets/{ticket['id']}/comments", json={"body": "I am on it."})
        now.advance(hours=1)
        await admin_client.post(f"/v1/tickets/{rested['id']}/resume", json={})
        await requester_client.post(f"/v1/tickets/{asked['id']}/comments", json={"body": "And?"})
        body = {"team_id": f"tea_{team.id.hex}"}
        assert (await admin_client.post(f"/v1/tickets/{late['id']}/assignments", json=body)).status_code == 201
        await noted_by_a_program(database, late)
        now.advance(hours=2.5)
        policies = [
            await drafted(admin_client, targets=more),
            await drafted(admin_client, name="OLA", kind="ola", team_id=f"tea_{team.id.hex}"),
            await drafted(admin_client, name="Another's", kind="ola", team_id=f"tea_{other.id.hex}"),
        ]
        await first_in_order(admin_client, policies[0])
        await drain(database)
        for policy, expected in zip(policies, ((7, 3), (1, 1), (2, 0)), strict=True):
            if policy is policies[-1]:
                body = {"team_id": f"tea_{other.id.hex}"}
                for ticket in (late, rested):
                    assert (await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body)).is_success
                now.advance(minutes=15)
            path = f"/v1/sla-policies/{policy['id']}"
            shown = (await admin_client.post(f"{path}/preview", json={})).json()
            assert shown["would_begin_is_exact"]
            async with database.reads() as reads:
                policy_id = parse_id("slp", policy["id"])
                part = await preview(reads, database, policy_id, effective_from=None, judged=0)
            assert (part["would_begin"], part["would_begin_is_exact"]) == (0, False)
            begun, breached = await counted(database, "sla.started"), await counted(database, "sla.breached")
            await admin_client.post(f"{path}/publish", json={})
            await drain(database)
            happened = (
                await counted(database, "sla.started") - begun,
                await counted(database, "sla.breached") - breached,
            )
            assert (shown["would_begin"], shown["would_breach"]) == happened == expected
            for begins in shown["begins"]:
                rows = (await admin_client.get(f"/v1/tickets/{begins['ticket_id']}/slas")).json()["data"]
                key = begins["kind"], begins["metric"]
                cycle = next(row["ongoing_cycle"] for row in rows if (row["kind"], row["metric"]) == key)
                assert (cycle["due_at"], cycle["is_breached"]) == (begins["due_at"], begins["would_breach"])
        # Whoever reopens it with a word waits for an answer, as they did before.
        path = f"/v1/tickets/{asked['id']}"
        await admin_client.post(f"{path}/comments", json={"body": "Yes."})
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        assert (await admin_client.post(f"{path}/resolve", json=resolution)).is_success
        now.advance(hours=1)
        assert (await requester_client.post(f"{path}/comments", json={"body": "No."})).is_success
        shown = (await slas(requester_client, asked))["next_response"]
        assert shown["ongoing_cycle"]["due_at"] == "2026-03-02T15:45:00Z"
        assert [one["state"] for one in shown["completed_cycles"]] == ["breached"]
        await fire_due(database)
        await no_differences(database)


async def test_a_due_time_that_has_passed_stands_in_a_preview_as_in_what_follows(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client)
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        await admin_client.post(f"{path}/publish", json={})
        ticket = await opened(requester_client)
        now.advance(hours=3)
        await admin_client.patch(path, json={"description": "The same in other words."})
        # Whether its breach was told by then or not.
        for _ in range(2):
            shown = (await admin_client.post(f"{path}/preview", json={})).json()
            assert (shown["moved"], shown["would_breach"], shown["data"]) == (0, 0, [])
            await drain(database)
        # Short of the target it moves, late as it was.
        await admin_client.patch(path, json={"targets": [{**TARGETS[0], "seconds": 4 * 3600}]})
        shown = (await admin_client.post(f"{path}/preview", json={})).json()
        (move,) = shown["data"]
        assert (move["new_due_at"], move["would_breach"]) == ("2026-03-02T13:00:00Z", False)
        await admin_client.patch(path, json={"targets": TARGETS})
        await admin_client.post(f"{path}/publish", json={})
        await drain(database)
        cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        assert (cycle["policy_version"], cycle["due_at"]) == (2, "2026-03-02T11:00:00Z")


async def test_a_preview_asks_the_draft_what_pauses(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        # A status that conditions read besides, where it decides nothing.
        any_status = {"any": [{"field": "status", "op": op, "value": "open"} for op in ("eq", "ne")]}
        policy = await drafted(admin_client, conditions=any_status)
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        await admin_client.post(f"{path}/publish", json={})
        running, paused = [await opened(requester_client) for _ in range(2)]
        await admin_client.post(f"/v1/tickets/{paused['id']}/pend", json={"reason": "vendor"})
        now.advance(hours=1)
        await admin_client.patch(path, json={"pauses": [{"metric": "resolution", "statuses": ["open"]}]})
        shown = (await admin_client.post(f"{path}/preview", json={})).json()
        assert (shown["moved"], shown["would_breach"]) == (2, 0)
        moves = {move["ticket_id"]: move for move in shown["data"]}
        assert all(move["shift_seconds"] is None and not move["is_cancelled"] for move in moves.values())
        await admin_client.post(f"{path}/publish", json={})
        await drain(database)
        due = {}
        for ticket in (running, paused):
            due[ticket["id"]] = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["due_at"]
        assert {ticket_id: move["new_due_at"] for ticket_id, move in moves.items()} == due
        assert due == {running["id"]: None, paused["id"]: "2026-03-02T12:00:00Z"}


async def counted(database: Database, kind: str) -> int:
    async with database.reads() as reads:
        found: int = await reads.fetch_value(select(func.count()).select_from(EventRow).where(EventRow.type == kind))
        return found


class Meanwhile(ReadSession):
    """Something happens after the open tickets were counted, and before their clocks are read."""

    def __init__(self, reads: ReadSession, happens: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(reads._connection)
        self._happens = happens

    async def fetch(self, statement: Any, parameters: Any = None) -> list[Any]:
        rows = await super().fetch(statement, parameters)
        if "AS tickets" in getattr(statement, "sql", ""):
            await self._happens()
        return rows


async def test_a_ticket_that_comes_while_a_preview_is_made_is_no_error(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    await opened(requester_client)
    targets = [
        {"metric": metric, "priority": priority, "seconds": 7200}
        for metric in ("first_response", "resolution")
        for priority in ("critical", "high", "medium", "low")
    ]
    policy = await drafted(admin_client, targets=targets)
    await first_in_order(admin_client, policy)
    async with database.reads() as reads:
        meanwhile = Meanwhile(reads, lambda: opened(requester_client))
        found = await preview(meanwhile, database, parse_id("slp", policy["id"]), effective_from=None)
    assert (found["open_tickets"], found["moved"], found["not_yet_promised"]) == (1, 4, 0)


async def test_open_tickets_follow_another_order(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        policy = await drafted(admin_client)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        for ordered, seconds in ((False, 24 * 3600), (True, 7200)):
            now.advance(hours=1)
            if ordered:
                await first_in_order(admin_client, policy)
            await drain(database)
            cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
            assert cycle["target_seconds"] == seconds
        assert cycle["elapsed"]["working_seconds"] == 7200
        await no_differences(database)


async def test_open_tickets_follow_at_the_instant(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        policy = await drafted(admin_client)
        await first_in_order(admin_client, policy)
        body = {"effective_from": "2026-03-02T10:00:00Z"}
        scheduled = await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json=body)
        assert (scheduled.json()["current"], scheduled.json()["next"]["number"]) == (None, 1)
        again = await admin_client.patch(f"/v1/sla-policies/{policy['id']}", json={"description": "x"})
        assert again.json()["draft"]["number"] == 2
        waits = await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        assert (waits.status_code, waits.json()["code"]) == (409, "version_already_scheduled")
        await drain(database)
        assert (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]["target_seconds"] == 24 * 3600
        # The worker comes late; the promise holds from its instant.
        now.advance(minutes=75)
        await drain(database)
        cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        assert (cycle["target_seconds"], cycle["due_at"]) == (7200, "2026-03-02T11:00:00Z")
        await no_differences(database)
        assert (await admin_client.delete(f"/v1/sla-policies/{policy['id']}")).status_code == 204
        await drain(database)
        back = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        assert back["target_seconds"] == 24 * 3600
        await no_differences(database)


async def test_a_team_that_has_a_ticket_again_owes_another_first_answer_also_where_it_is_promised_late(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_team: Make
) -> None:
    first, second = [f"tea_{(await a_team()).id.hex}" for _ in range(2)]
    target = [{"metric": "first_response", "priority": "medium", "seconds": 7200}]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        policy = await drafted(admin_client, name="OLA", kind="ola", team_id=first, targets=target)
        path, nowhere = f"/v1/sla-policies/{policy['id']}", {"field": "tags", "op": "in", "value": ["nowhere"]}
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        for team in (first, second, first):
            if team == second:
                await admin_client.post(f"/v1/tickets/{ticket['id']}/comments", json={"body": "I am on it."})
                await admin_client.patch(path, json={"conditions": nowhere})
                assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
            now.advance(minutes=30)
            reply = await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json={"team_id": team})
            assert reply.status_code == 201, reply.text
            await drain(database)
        now.advance(minutes=30)
        await admin_client.patch(path, json={"conditions": None})
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        await drain(database)
        listed = (await admin_client.get(f"/v1/tickets/{ticket['id']}/slas")).json()["data"]
        (promised,) = [one for one in listed if one["kind"] == "ola"]
        assert [one["state"] for one in promised["completed_cycles"]] == ["met"]
        assert promised["ongoing_cycle"]["started_at"] == "2026-03-02T10:30:00Z"
        await no_differences(database)


async def test_who_did_not_know_of_a_change_when_they_began_follows_it(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client)
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        for verb, target in (("publish", 7200), ("archive", 24 * 3600)):
            now.advance(hours=1)
            change = admin_client.delete(path) if verb == "archive" else admin_client.post(f"{path}/publish", json={})
            assert (await change).is_success
            await drain(database)
            # It began before, and is seen only now.
            now.advance(seconds=-1)
            ticket = await opened(requester_client)
            now.advance(seconds=6)
            await drain(database)
            cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
            assert cycle["target_seconds"] == target
        await no_differences(database)


async def test_what_was_told_before_a_ticket_followed_stays_told(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    """The worker was away while a version came into force: its timers come first, several steps at one instant."""
    step: dict[str, Any] = {"offset_seconds": -3600, "actions": [{"type": "notify", "to": "assignee"}]}
    ladder = [{**step, "offset_seconds": 3600}, step, {**step, "offset_seconds": 0}]
    targets = [
        {"metric": metric, "priority": priority, "seconds": 7200}
        for metric in ("resolution", "update")
        for priority in ("critical", "high", "medium", "low")
    ]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client, warnings=[{"seconds_before": 3600}], escalations=ladder)
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        await admin_client.post(f"{path}/publish", json={})
        await opened(requester_client)
        await drain(database)
        longer = [{**target, "seconds": 4 * 3600} for target in targets]
        await admin_client.patch(path, json={"targets": longer, "escalations": ladder[::-1]})
        await admin_client.post(f"{path}/publish", json={"effective_from": "2026-03-02T09:30:00Z"})
        now.advance(hours=2.5)
        await drain(database)
        await no_differences(database)
        now.advance(hours=20)
        await drain(database)
        assert await no_differences(database) == 2


@pytest.mark.parametrize("days", [3, 0], ids=["shorter", "closed for good"])
async def test_the_due_time_of_what_was_met_is_moved_by_no_later_calendar(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, days: int
) -> None:
    week = [{"day": day, "opens": "09:00", "closes": "17:00"} for day in ("monday", "tuesday", "wednesday")]
    hours = {"time_zone": "UTC", "weekly_hours": week}
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        calendar = (await admin_client.post("/v1/calendars", json={"name": "Desk", **hours})).json()
        targets = [{"metric": "resolution", "priority": "medium", "seconds": 12 * 3600}]
        policy = await drafted(admin_client, calendar_id=calendar["id"], targets=targets)
        await first_in_order(admin_client, policy)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        ticket = await opened(requester_client)
        now.advance(hours=1)
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        await admin_client.post(f"/v1/tickets/{ticket['id']}/resolve", json=resolution)
        now.advance(hours=1)
        shorter = [{**day, "closes": "15:00"} for day in week[:days]]
        last = [{"date": "2026-03-03", "name": "The last day", "hours": [{"opens": "09:00", "closes": "10:00"}]}]
        versions = f"/v1/calendars/{calendar['id']}/versions"
        edited = await admin_client.post(versions, json={**hours, "weekly_hours": shorter, "days": last})
        assert edited.status_code == 201, edited.text
        await drain(database)
        assert await no_differences(database) == 1


async def test_what_is_still_being_imported_follows_where_its_past_ends(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    """Its rest is to come: nothing is counted up to now, and nobody is warned of what may have been done in time."""
    delivery.use_transport(mail := FakeMail())
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client, name="Imported")
        await first_in_order(admin_client, policy)
        path = f"/v1/sla-policies/{policy['id']}"
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        await drain(database)
        now.advance(days=30)
        ticket = await opened(admin_client, occurred_at="2026-03-03T09:00:00Z")
        longer = {"targets": [{**TARGETS[0], "seconds": 10_800}]}
        assert (await admin_client.patch(path, json=longer)).status_code == 200
        assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
        now.advance(seconds=10)
        await drain(database)
        ongoing = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]
        assert (ongoing["policy_version"], ongoing["due_at"]) == (2, "2026-03-03T12:00:00Z")
        await no_differences(database)
        reply = await admin_client.post(
            f"/v1/tickets/{ticket['id']}/resolve",
            json={"resolution_code": "fixed", "resolution_text": "Done."},
            headers={"Occurred-At": "2026-03-03T11:00:00Z"},
        )
        assert reply.status_code == 200, reply.text
        (done,) = (await slas(admin_client, ticket))["resolution"]["completed_cycles"]
        assert (done["state"], done["elapsed"]["working_seconds"]) == ("met", 2 * 3600)
        await drain(database)
        await no_differences(database)
        assert mail.sent == []


async def test_a_due_time_that_a_calendar_moved_is_right_when_nobody_followed_before_the_end(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    day = {"day": "monday", "opens": "09:00", "closes": "17:00"}
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        hours = {"name": "Desk", "time_zone": "UTC", "weekly_hours": [day]}
        calendar = (await admin_client.post("/v1/calendars", json=hours)).json()
        policy = await drafted(admin_client, calendar_id=calendar["id"])
        await first_in_order(admin_client, policy)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        late, in_time = [await opened(requester_client) for _ in range(2)]
        await drain(database)
        edited = {"time_zone": "UTC", "weekly_hours": [{**day, "opens": "11:00"}]}
        version = {**edited, "effective_from": "2026-03-02T10:00:00Z"}
        assert (await admin_client.post(f"/v1/calendars/{calendar['id']}/versions", json=version)).status_code == 201
        # The worker rests: what is due at eleven is due at twelve, and no row says so yet.
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        now.advance(hours=2.5)
        assert (await admin_client.post(f"/v1/tickets/{in_time['id']}/resolve", json=resolution)).status_code == 200
        now.advance(hours=2.5)
        assert (await admin_client.post(f"/v1/tickets/{late['id']}/resolve", json=resolution)).status_code == 200
        for ticket, state in ((in_time, "met"), (late, "breached")):
            (done,) = (await slas(requester_client, ticket))["resolution"]["completed_cycles"]
            assert (done["state"], done["due_at"]) == (state, "2026-03-02T12:00:00Z")
        await drain(database)
        assert await no_differences(database) == 2


@pytest.mark.parametrize("kind", ["sla", "ola", "underpinning_contract"])
async def test_an_archived_policy_ends_its_clocks_whatever_its_kind(
    admin_client: httpx.AsyncClient, database: Database, a_team: Make, kind: str
) -> None:
    team = await a_team()
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        await admin_client.delete(f"/v1/sla-policies/{STANDARD}")
        team_id = f"tea_{team.id.hex}" if kind == "ola" else None
        # One that is late by then, and that nobody has answered.
        targets = [*TARGETS, {"metric": "first_response", "priority": "medium", "seconds": 240}]
        policy = await drafted(admin_client, kind=kind, team_id=team_id, targets=targets)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        ticket = await opened(admin_client, team_id=f"tea_{team.id.hex}")
        if kind == "underpinning_contract":
            await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "vendor"})
        now.advance(minutes=5)
        cycles = {metric: sla["ongoing_cycle"] for metric, sla in (await slas(admin_client, ticket)).items()}
        cycle = cycles["resolution"]
        assert (await admin_client.delete(f"/v1/sla-policies/{policy['id']}")).status_code == 204
        await drain(database)
        ended = (await slas(admin_client, ticket))["resolution"]
        assert ended["ongoing_cycle"] is None
        assert [one["state"] for one in ended["completed_cycles"]] == ["cancelled"]
        path = f"/v1/tickets/{ticket['id']}/slas/{cycle['id']}/explain"
        steps = (await admin_client.get(path)).json()["steps"]
        assert (steps[-1]["what"], steps[-1]["reason"]) == ("cancelled", "no_policy")
        another = await drafted(admin_client, name="Silver")
        shown = (await admin_client.post(f"/v1/sla-policies/{another['id']}/preview", json={})).json()
        assert (shown["moved"], shown["data"]) == (0, [])
        assert await no_differences(database) == 2
        # Promised again, they go on as if nothing had been.
        again = await drafted(admin_client, name="Again", kind=kind, team_id=team_id, targets=targets)
        now.advance(minutes=5)
        shown = (await admin_client.post(f"/v1/sla-policies/{again['id']}/preview", json={})).json()
        expected = {(kind, metric, one["due_at"]) for metric, one in cycles.items()}
        assert {(one["kind"], one["metric"], one["due_at"]) for one in shown["begins"]} == expected
        await admin_client.post(f"/v1/sla-policies/{again['id']}/publish", json={})
        await drain(database)
        for metric, gone_on in (await slas(admin_client, ticket)).items():
            assert gone_on["completed_cycles"] == []
            ids = gone_on["ongoing_cycle"]["id"], gone_on["ongoing_cycle"]["due_at"]
            assert ids == (cycles[metric]["id"], cycles[metric]["due_at"])
        assert await no_differences(database) == 2


async def test_an_edited_calendar_keeps_the_time_used(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    week = [{"day": day, "opens": "09:00", "closes": "17:00"} for day in ("monday", "tuesday", "wednesday")]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        hours = {"time_zone": "UTC", "weekly_hours": week}
        calendar = (await admin_client.post("/v1/calendars", json={"name": "Desk", **hours})).json()
        targets = [{"metric": "resolution", "priority": "medium", "seconds": 12 * 3600}]
        policy = await drafted(admin_client, calendar_id=calendar["id"], targets=targets)
        await first_in_order(admin_client, policy)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        ticket = await opened(requester_client)
        assert datetime.fromisoformat(ticket["sla_due_at"]) == now.at + timedelta(hours=28)
        now.advance(hours=4)
        shorter = [{**day, "closes": "15:00"} for day in week]
        await admin_client.post(f"/v1/calendars/{calendar['id']}/versions", json={**hours, "weekly_hours": shorter})
        await drain(database)
        cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        # Four hours used; two more today, six tomorrow.
        assert (cycle["due_at"], cycle["elapsed"]["working_seconds"]) == ("2026-03-03T15:00:00Z", 4 * 3600)
        assert cycle["calendar_version"] == 2
        explained = (await requester_client.get(f"/v1/tickets/{ticket['id']}/slas/{cycle['id']}/explain")).json()
        assert explained["steps"][-1]["reason"] == "calendar_changed"
        await no_differences(database)
        # An agent who does not know of the next version yet counts by the hours before it.
        now.advance(minutes=1)
        since = now.at
        never = [{**day, "opens": "03:00", "closes": "04:00"} for day in week]
        path = f"/v1/calendars/{calendar['id']}/versions"
        assert (await admin_client.post(path, json={**hours, "weekly_hours": never})).status_code == 201
        now.advance(seconds=2)
        await requester_client.post(f"/v1/tickets/{ticket['id']}/comments", json={"body": "And?"})
        held = await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "requester"})
        assert held.status_code == 200, held.text
        async with database.session() as session:
            counted = update(SlaClock).where(SlaClock.counted_at > since, SlaClock.metric == "resolution")
            await session.execute(counted.values(used=SlaClock.used + timedelta(seconds=2)))
        assert len([one async for one in differences(database)]) == 2
        now.advance(seconds=2)
        await drain(database)
        await no_differences(database)


async def test_an_edit_that_moves_a_warning_alone_is_compared(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    """Two weeks have as many hours as before, and their Tuesdays fewer. No event tells of it."""
    # In days to come, since events are found by the real clock.
    with clock.frozen(datetime.fromisoformat("2030-03-04T09:00:00+00:00")) as now:
        await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE})
        now.advance(hours=1)
        assert [one async for one in differences(database, since=now.at)] == [0]
        rows = (await admin_client.get("/v1/calendars")).json()["data"]
        path = f"/v1/calendars/{next(one['id'] for one in rows if one['name'] == 'Hours')}/versions"
        closes = {"tuesday": "15:00", "thursday": "19:00"}
        week = [{**day, "closes": closes.get(day["day"], day["closes"])} for day in OFFICE]
        assert (await admin_client.post(path, json={"time_zone": "UTC", "weekly_hours": week})).status_code == 201
        await drain(database)
        assert [one async for one in differences(database, since=now.at)] == [1]


async def test_a_version_ahead_loses_nothing_when_another_comes_earlier(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ahead = {"weekly_hours": OFFICE, "effective_from": "2030-01-01T00:00:00Z"}
        ticket = await promised_in(admin_client, requester_client, ahead)
        calendar = next(
            one for one in (await admin_client.get("/v1/calendars")).json()["data"] if one["name"] == "Hours"
        )
        path = f"/v1/calendars/{calendar['id']}"
        assert (await admin_client.get(path)).json()["current"]["number"] == 1
        now.advance(hours=4)
        week = [{**day, "opens": "12:00"} for day in OFFICE]
        added = await admin_client.post(f"{path}/versions", json={"time_zone": "UTC", "weekly_hours": week})
        assert added.status_code == 201, added.text
        await drain(database)
        cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        assert cycle["elapsed"]["working_seconds"] == 4 * 3600
        assert (await admin_client.get(path)).json()["current"]["number"] == 2
        await no_differences(database)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"targets": [*TARGETS, *TARGETS]}, "target_repeated", "#/targets/1"),
        ({"targets": [{**TARGETS[0], "seconds": 0}]}, "validation_failed", "#/targets/0/seconds"),
        ({"calendar_id": "cal_" + "7" * 32}, "unknown_reference", "#/calendar_id"),
        ({"conditions": {"field": "nonsense", "op": "eq", "value": 1}}, "invalid_conditions", "#/conditions/field"),
        ({"kind": "ola"}, "ola_team_required", "#/team_id"),
        (
            {"escalations": [{"offset_seconds": 0, "actions": [{"type": "assign"}]}]},
            "unknown_reference",
            "#/escalations/0/actions/0/team_id",
        ),
        *(
            (
                {"escalations": [{"offset_seconds": 0, "actions": [{"type": "call_webhook", "url": url}]}]},
                "webhook_url_refused",
                "#/escalations/0/actions/0/url",
            )
            for url in ("http://127.0.0.1:9/x", "https://169.254.169.254/", "http://hooks.example/x")
        ),
    ],
)
async def test_what_cannot_be_is_said_where(
    admin_client: httpx.AsyncClient, change: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await admin_client.post("/v1/sla-policies", json={**GOLD, **change})
    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert len((await admin_client.get("/v1/sla-policies")).json()["data"]) == 1


def handing_to(*teams: Any) -> list[dict[str, Any]]:
    return [{"offset_seconds": 0, "actions": [{"type": "assign", "team_id": f"tea_{team.id.hex}"}]} for team in teams]


async def test_teams_do_not_hand_round_in_a_circle(admin_client: httpx.AsyncClient, a_team: Make) -> None:
    teams = [await a_team() for _ in range(4)]
    for place, team in enumerate(teams[:3]):
        escalations = handing_to(teams[3], teams[(place + 1) % 3])
        policy = await drafted(
            admin_client, name=f"OLA {place}", kind="ola", team_id=f"tea_{team.id.hex}", escalations=escalations
        )
        reply = await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        expected = (422, "escalation_loop") if place == 2 else (200, None)
        assert (reply.status_code, reply.json().get("code")) == expected
    assert reply.json()["params"]["team_ids"] == [f"tea_{team.id.hex}" for team in teams[:3]]
    assert reply.json()["errors"][0]["pointer"] == "#/escalations/1/actions/0/team_id"


async def test_only_what_is_in_force_together_makes_a_circle(admin_client: httpx.AsyncClient, a_team: Make) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        one, other = await a_team(), await a_team()
        policies = []
        for mine, others in ((one, other), (other, one)):
            fields = {"name": f"OLA {mine.name}", "kind": "ola", "team_id": f"tea_{mine.id.hex}"}
            policy = await drafted(admin_client, **fields, escalations=handing_to(others))
            policies.append(f"/v1/sla-policies/{policy['id']}")
        first, second = policies
        assert (await admin_client.post(f"{first}/publish", json={})).status_code == 200
        # From noon on the first hands over to nobody.
        await admin_client.patch(first, json={"escalations": []})
        noon = {"effective_from": "2026-03-02T12:00:00Z"}
        assert (await admin_client.post(f"{first}/publish", json=noon)).status_code == 200
        for body, status in (({}, 422), ({"effective_from": "2026-03-02T11:59:59Z"}, 422), (noon, 200)):
            reply = await admin_client.post(f"{second}/publish", json=body)
            assert reply.status_code == status, reply.text
        # Without that version the first would go on as before.
        withdrawn = await admin_client.delete(f"{first}/versions/2")
        assert (withdrawn.status_code, withdrawn.json()["code"]) == (422, "escalation_loop")
        now.advance(hours=4)
        await admin_client.patch(first, json={"escalations": handing_to(other)})
        evening = {"effective_from": "2026-03-02T18:00:00Z"}
        refused = await admin_client.post(f"{first}/publish", json=evening)
        assert (refused.status_code, refused.json()["code"]) == (422, "escalation_loop")


async def test_nobody_drops_a_draft_or_sets_an_order_that_they_have_not_seen(admin_client: httpx.AsyncClient) -> None:
    order = "/v1/sla-policies/order"
    before = await admin_client.get(order)
    policy = await drafted(admin_client)
    stale = {"If-Match": before.headers["etag"]}
    ids = {"policy_ids": [policy["id"], *before.json()["policy_ids"]]}
    missed = await admin_client.put(order, json=ids, headers=stale)
    assert (missed.status_code, missed.json()["code"]) == (412, "precondition_failed")
    held = {"If-Match": (await admin_client.get(order)).headers["etag"]}
    assert (await admin_client.put(order, json=ids, headers=held)).status_code == 204
    assert (await admin_client.get(order)).json() == ids

    path = f"/v1/sla-policies/{policy['id']}"
    draft = f"{path}/versions/2"
    await admin_client.post(f"{path}/publish", json={})
    await admin_client.patch(path, json={"description": "Mine."})
    stale = {"If-Match": (await admin_client.get(draft)).headers["etag"]}
    await admin_client.patch(path, json={"description": "Another's work."})
    assert (await admin_client.delete(draft, headers=stale)).status_code == 412
    held = {"If-Match": (await admin_client.get(draft)).headers["etag"]}
    assert (await admin_client.delete(draft, headers=held)).status_code == 204
    # Whoever still holds the one that was dropped shall not take the next for it.
    again = await admin_client.patch(path, json={"description": "Anew."})
    assert again.json()["draft"]["number"] == 3
    assert (await admin_client.get(draft)).status_code == 404


async def test_an_effective_date_in_the_past_and_a_missing_draft(admin_client: httpx.AsyncClient) -> None:
    policy = await drafted(admin_client)
    path = f"/v1/sla-policies/{policy['id']}"
    for verb in ("publish", "preview"):
        past = await admin_client.post(f"{path}/{verb}", json={"effective_from": "2020-01-01T00:00:00Z"})
        assert (past.status_code, past.json()["code"]) == (422, "effective_date_in_past")
    assert (await admin_client.post(f"{path}/publish", json={})).status_code == 200
    none = await admin_client.post(f"{path}/publish", json={})
    assert (none.status_code, none.json()["code"]) == (409, "no_draft")
    versions = (await admin_client.get(f"{path}/versions")).json()["data"]
    assert [version["state"] for version in versions] == ["published"]


async def test_a_first_version_that_is_not_in_force_yet_is_withdrawn_and_replaced(
    admin_client: httpx.AsyncClient,
) -> None:
    policy = await drafted(admin_client)
    path = f"/v1/sla-policies/{policy['id']}"
    scheduled = {"effective_from": "2126-01-01T00:00:00Z"}
    assert (await admin_client.post(f"{path}/publish", json=scheduled)).status_code == 200
    # Without another it is all that the policy says.
    only = await admin_client.delete(f"{path}/versions/1")
    assert (only.status_code, only.json()["code"]) == (409, "sla_policy_version_in_force")
    await admin_client.patch(path, json={"description": "Instead."})
    assert (await admin_client.delete(f"{path}/versions/1")).status_code == 204
    assert (await admin_client.delete(f"{path}/versions/2")).status_code == 409
    published = (await admin_client.post(f"{path}/publish", json={})).json()
    assert (published["current"]["number"], published["next"]) == (2, None)


async def test_two_publish_at_once(own_database: Database, settings: Settings) -> None:
    app = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    admin = await make_user(own_database, role=Role.ADMIN)
    headers = {"Authorization": f"Bearer test-{admin.id.hex}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL, headers=headers) as client:
        policy = await drafted(client)
        path = f"/v1/sla-policies/{policy['id']}/publish"
        replies = await asyncio.gather(*[client.post(path, json={}) for _ in range(4)])
        assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]


async def test_who_publishes_and_who_orders_do_not_wait_for_each_other(
    own_database: Database, settings: Settings
) -> None:
    app = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    admin = await make_user(own_database, role=Role.ADMIN)
    headers = {"Authorization": f"Bearer test-{admin.id.hex}"}
    waits = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks"
        " WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL, headers=headers) as client:
        policy = await drafted(client)
        for verb, path in (("POST", "publish"), ("DELETE", "versions/2")):
            async with own_database.session() as session:
                await policy_actions.lock_order(session)
                body: dict[str, Any] | None = {} if verb == "POST" else None
                other = asyncio.create_task(client.request(verb, f"/v1/sla-policies/{policy['id']}/{path}", json=body))
                while not other.done() and not await session.scalar(waits):
                    pass
                held = await lock_policy(session, parse_id("slp", policy["id"]))
                assert held.archived_at is None
            assert (await other).is_success, (await other).text
            await client.patch(f"/v1/sla-policies/{policy['id']}", json={"description": "Another."})
        # In force from when it has whatever it waits for, and not from when it asked.
        async with own_database.session() as session:
            await lock_calendar(session, AROUND_THE_CLOCK)
            other = asyncio.create_task(client.post(f"/v1/sla-policies/{policy['id']}/publish", json={}))
            while not other.done() and not await session.scalar(waits):
                pass
            freed = clock.now()
        assert datetime.fromisoformat((await other).json()["current"]["effective_from"]) >= freed


async def test_what_teams_promise_each_other_is_nothing_for_requesters(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    policy = await drafted(admin_client)
    for path in ("", "/order", f"/{policy['id']}", f"/{policy['id']}/versions"):
        assert (await agent_client.get(f"/v1/sla-policies{path}")).status_code == 200, path
        assert (await requester_client.get(f"/v1/sla-policies{path}")).status_code == 403, path


async def test_what_would_be_dropped_in_silence_is_refused(admin_client: httpx.AsyncClient, a_user: Make) -> None:
    nobody = await a_user(role=Role.REQUESTER)
    base = {"name": "Odd", "calendar_id": ALWAYS, "targets": TARGETS}
    pause = {"metric": "resolution", "statuses": ["pending"]}
    assign = {"type": "assign", "user_id": f"usr_{nobody.id.hex}"}
    for more, code, pointer in (
        ({"pauses": [pause, {**pause, "statuses": ["open"]}]}, "pause_repeated", "#/pauses/1"),
        (
            {"escalations": [{"offset_seconds": 0, "actions": [assign]}]},
            "unknown_reference",
            "#/escalations/0/actions/0/user_id",
        ),
    ):
        reply = await admin_client.post("/v1/sla-policies", json={**base, **more})
        assert (reply.status_code, reply.json()["code"]) == (422, code)
        assert reply.json()["errors"][0]["pointer"] == pointer


async def test_a_draft_keeps_whom_it_named_before_they_went(
    admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
) -> None:
    team, member = f"tea_{(await a_team()).id.hex}", f"usr_{(await a_user(role=Role.AGENT)).id.hex}"
    ladder = [
        {"offset_seconds": 0, "actions": [{"type": "assign", "team_id": team}]},
        {"offset_seconds": 60, "actions": [{"type": "notify", "to": "user", "user_id": member}]},
    ]
    path = f"/v1/sla-policies/{(await drafted(admin_client, escalations=ladder))['id']}"
    assert (await admin_client.post(f"/v1/teams/{team}/archive")).status_code == 200
    assert (await admin_client.post(f"/v1/users/{member}/deactivate")).status_code == 200
    for change in ({"description": "As before"}, {"escalations": ladder[::-1]}):
        saved = await admin_client.patch(path, json=change)
        assert saved.status_code == 200, saved.text
    told = {"type": "notify", "to": "team", "team_id": team}
    assigned = {"type": "assign", "user_id": member}
    for action, name in ((told, "team_id"), (assigned, "user_id")):
        refused = await admin_client.patch(path, json={"escalations": [{"offset_seconds": 0, "actions": [action]}]})
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")
        assert refused.json()["errors"][0]["pointer"] == f"#/escalations/0/actions/0/{name}"
    ola = {**GOLD, "name": "OLA", "kind": "ola", "team_id": team}
    refused = await admin_client.post("/v1/sla-policies", json=ola)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")
    assert refused.json()["errors"][0]["pointer"] == "#/team_id"


async def test_only_policies_in_use_are_too_many(
    admin_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_actions, "MAX_POLICIES", 2)
    policy = await drafted(admin_client)
    refused = await admin_client.post("/v1/sla-policies", json={**GOLD, "name": "Silver"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_sla_policies")
    assert (await admin_client.delete(f"/v1/sla-policies/{policy['id']}")).status_code == 204
    await drafted(admin_client, name="Silver")


async def test_waiting_for_the_vendor_pauses_everything_but_the_vendors_contract(
    admin_client: httpx.AsyncClient,
) -> None:
    base = {"calendar_id": ALWAYS, "targets": TARGETS}
    made = {}
    for kind in ("sla", "underpinning_contract"):
        reply = await admin_client.post("/v1/sla-policies", json={**base, "name": kind, "kind": kind})
        assert reply.status_code == 201, reply.text
        version = await admin_client.get(f"/v1/sla-policies/{reply.json()['id']}/versions")
        made[kind] = [pause["metric"] for pause in version.json()["data"][0]["pauses"]]
    assert made == {"sla": ["next_response", "update", "resolution"], "underpinning_contract": []}
