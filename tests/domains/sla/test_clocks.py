"""Clocks of real tickets: over HTTP, by timers, and derived again from the events."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.domains.sla import timers
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.enums import ClockState, PolicyKind
from helpdesk_api.domains.sla.recompute import differences
from helpdesk_api.domains.sla.timers import fire_due
from helpdesk_api.domains.tickets import actions
from helpdesk_api.domains.tickets.enums import PendingReason
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.tickets.schemas import TicketPend
from helpdesk_api.installation import install_wiring
from helpdesk_api.outbox.models import EventRow
from tests.factories.records import Make, make_ticket, make_user, principal_of
from tests.fixtures.clients import AsUser

NEW = {"subject": "VPN drops", "description": "It *drops*.", "impact": "medium", "urgency": "medium"}
HOUR = timedelta(hours=1)
OFFICE = [
    {"day": day, "opens": "09:00", "closes": "17:00"}
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
]


async def opened(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    reply = await client.post("/v1/tickets", json={**NEW, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def promised_in(
    admin: httpx.AsyncClient, requester: httpx.AsyncClient, hours: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """A ticket that has to be resolved within eighty hours of this calendar."""
    made = await admin.post("/v1/calendars", json={"name": "Hours", "time_zone": "UTC", **hours})
    assert made.status_code == 201, made.text
    targets = [{"metric": "resolution", "priority": "medium", "seconds": 80 * 3600}]
    policy = {"name": "Hours", "kind": "sla", "calendar_id": made.json()["id"], "targets": targets, **more}
    drafted = await admin.post("/v1/sla-policies", json=policy)
    assert drafted.status_code == 201, drafted.text
    rows = (await admin.get("/v1/sla-policies")).json()["data"]
    order = {"policy_ids": sorted((row["id"] for row in rows), key=lambda key: key != drafted.json()["id"])}
    assert (await admin.put("/v1/sla-policies/order", json=order)).status_code == 204
    assert (await admin.post(f"/v1/sla-policies/{drafted.json()['id']}/publish", json={})).status_code == 200
    return await opened(requester)


async def slas(client: httpx.AsyncClient, ticket: dict[str, Any]) -> dict[str, dict[str, Any]]:
    reply = await client.get(f"/v1/tickets/{ticket['id']}/slas")
    assert reply.status_code == 200, reply.text
    return {sla["metric"]: sla for sla in reply.json()["data"]}


async def no_differences(database: Database) -> int:
    found = [item async for item in differences(database)]
    assert [str(item) for item in found[:-1]] == []
    assert isinstance(found[-1], int)
    return found[-1]


async def told(database: Database, ticket: dict[str, Any]) -> list[tuple[str, str, datetime]]:
    async with database.session() as session:
        rows = await session.scalars(
            select(EventRow).where(EventRow.type.startswith("sla.")).order_by(EventRow.position)
        )
        return [
            (row.type, row.data["metric"], row.occurred_at)
            for row in rows
            if row.ticket_id == UUID(hex=ticket["id"][4:])
        ]


async def test_a_new_ticket_shows_what_was_promised(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, database: Database
) -> None:
    ticket = await opened(requester_client)
    assert ticket["priority"] == "medium"
    assert ticket["sla_state"] == "running"
    created = datetime.fromisoformat(ticket["created_at"])
    assert datetime.fromisoformat(ticket["sla_due_at"]) == created + 8 * HOUR
    found = await slas(requester_client, ticket)
    response, resolution = found["first_response"]["ongoing_cycle"], found["resolution"]["ongoing_cycle"]
    assert response["target_seconds"] == 8 * 3600
    assert datetime.fromisoformat(resolution["due_at"]) == created + 24 * HOUR
    assert resolution["is_within_working_hours"]
    page = (await agent_client.get("/v1/tickets?include=sla&sort=sla_due_at&sla_state=running&counts=true")).json()
    assert [row["id"] for row in page["data"]] == [ticket["id"]]
    labels = {label["metric"]: label for label in page["included"]["slas"].values()}
    assert labels.keys() == {"first_response", "resolution"}
    assert page["counts"]["sla_state"] == {"running": 1}
    assert await no_differences(database) == 2
    async with database.session() as session:
        references = await session.scalars(select(EventRow.data["reference"].astext))
        assert set(references) == {ticket["reference"]}


async def test_a_queue_shows_of_each_clock_what_the_ticket_does(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    """Of clocks that run in and out of their hours, that rest, that are late, told or not, and that have a deadline by
    hand."""
    more = {
        "targets": [
            {"metric": metric, "priority": "medium", "seconds": 3600 * hours}
            for metric, hours in (("first_response", 1), ("update", 2), ("resolution", 80))
        ]
    }
    with clock.frozen(datetime.fromisoformat("2026-03-02T15:30:00+00:00")) as now:
        tickets = [await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **more)]
        tickets += [await opened(requester_client) for _ in range(2)]
        await admin_client.post(f"/v1/tickets/{tickets[1]['id']}/pend", json={"reason": "vendor"})
        by_hand = (await slas(admin_client, tickets[2]))["resolution"]["ongoing_cycle"]["id"]
        path = f"/v1/tickets/{tickets[2]['id']}/slas/{by_hand}/deadline"
        assert (await admin_client.put(path, json={"due_at": "2026-03-02T19:00:00Z"})).status_code == 200
        for hours in (0.1, 1, 1):
            now.advance(hours=hours)
            for included in (
                (await admin_client.get("/v1/tickets", params={"include": "sla"})).json()["included"]["slas"],
                (await admin_client.get(f"/v1/tickets/{tickets[2]['id']}?include=sla")).json()["included"]["slas"],
            ):
                seen = {label["ticket_id"] for label in included.values()}
                expected = {}
                for ticket in tickets:
                    reply = (await admin_client.get(f"/v1/tickets/{ticket['id']}/slas")).json()
                    for sla in reply["data"]:
                        label = {name: sla[name] for name in ("kind", "metric")} | sla["ongoing_cycle"]
                        expected[label["id"]] = label | {"ticket_id": ticket["id"]}
                assert included == {key: label for key, label in expected.items() if label["ticket_id"] in seen}
                assert len(included) == 3 * len(seen)
            await fire_due(database)


async def test_a_life_with_a_pause_an_answer_and_a_reopening(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-10-24T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}"
        now.advance(hours=1)
        await agent_client.post(f"{path}/start", json={})
        await agent_client.post(f"{path}/comments", json={"body": "I am on it."})
        now.advance(hours=1)
        paused = (await agent_client.post(f"{path}/pend", json={"reason": "requester"})).json()
        assert (paused["sla_state"], paused["sla_due_at"]) == ("paused", None)
        now.advance(hours=40)
        # Their answer resumes it.
        await requester_client.post(f"{path}/comments", json={"body": "Still there."})
        found = await slas(agent_client, ticket)
        assert found["first_response"]["completed_cycles"][0]["state"] == "met"
        resolution = found["resolution"]["ongoing_cycle"]
        assert resolution["elapsed"] == {"working_seconds": 7200.0, "calendar_seconds": 7200.0}
        assert resolution["remaining"]["working_seconds"] == 22 * 3600
        now.advance(hours=3)
        resolved = await agent_client.post(
            f"{path}/resolve", json={"resolution_code": "fixed", "resolution_text": "Done."}
        )
        assert resolved.json()["sla_state"] == "met"
        now.advance(hours=10)
        await requester_client.post(f"{path}/reopen", json={"reason": "Again."})
        now.advance(hours=1)
        ongoing = (await slas(agent_client, ticket))["resolution"]["ongoing_cycle"]
        assert (ongoing["cycle"], ongoing["elapsed"]["working_seconds"]) == (1, 6 * 3600)
        reply = await agent_client.get(f"{path}/slas/{ongoing['id']}/explain")
        explained = reply.json()
        counted = sum(segment["seconds"] for segment in explained["segments"] if segment["is_counted"])
        assert counted == explained["elapsed"]["working_seconds"] == 6 * 3600
        assert {segment["why"] for segment in explained["segments"]} == {"open", "paused", "resolved"}
        assert [step["what"] for step in explained["steps"]] == ["started", "paused", "resumed", "met", "recomputed"]
        assert await no_differences(database) == 2


async def test_a_clock_that_nobody_holds_comes_out_the_same(
    requester_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, database: Database
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}"
    for verb, body in (
        ("assignments", {"assignee_id": "me"}),
        ("comments", {"body": "On it."}),
        ("pend", {"reason": "vendor"}),
        ("resume", {}),
        ("resolve", {"resolution_code": "fixed", "resolution_text": "Done."}),
        ("reopen", {"reason": "It is back."}),
    ):
        reply = await supervisor_client.post(f"{path}/{verb}", json=body)
        assert reply.status_code in {200, 201}, reply.text
    changed = await supervisor_client.patch(path, json={"priority": "critical", "priority_reason": "Worse."})
    assert changed.status_code == 200, changed.text
    assert await no_differences(database) == 2


async def test_a_change_of_priority_takes_the_time_used_along(
    requester_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        now.advance(hours=3)
        body = {"priority": "critical", "priority_reason": "The board sits in an hour."}
        changed = (await supervisor_client.patch(f"/v1/tickets/{ticket['id']}", json=body)).json()
        # First response within 1 h: three are gone.
        assert datetime.fromisoformat(changed["sla_due_at"]) == now.at
        found = await slas(supervisor_client, ticket)
        assert found["resolution"]["ongoing_cycle"]["due_at"] == "2026-03-02T13:00:00Z"
        await fire_due(database)
        late = (await supervisor_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert late["sla_state"] == "breached"
        await no_differences(database)


async def test_a_promise_comes_back_with_its_condition(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-10-26T09:00:00+00:00")) as now:
        tagged = {"conditions": {"field": "tags", "op": "contains", "value": "vip"}}
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **tagged)
        path = f"/v1/tickets/{ticket['id']}"
        for tags in (["vip"], [], ["vip"], [], ["vip"]):
            now.advance(hours=1)
            changed = await admin_client.patch(path, json={"tags": tags})
            assert changed.status_code == 200, changed.text
            assert changed.json()["sla_state"] == "running"
        found = await slas(requester_client, ticket)
        assert found["first_response"]["ongoing_cycle"] is None
        assert found["resolution"]["ongoing_cycle"]["elapsed"]["working_seconds"] == 5 * 3600
        now.advance(minutes=30)
        await admin_client.patch(path, json={"tags": []})
        found = await slas(requester_client, ticket)
        assert found["first_response"]["ongoing_cycle"]["elapsed"]["working_seconds"] == 5.5 * 3600
        assert found["first_response"]["completed_cycles"] == []
        assert await no_differences(database) == 2


async def test_a_late_answer_is_awaited_again_with_its_promise_until_it_is_given(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-10-26T09:00:00+00:00")) as now:
        tagged = {"conditions": {"field": "tags", "op": "contains", "value": "vip"}}
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **tagged)
        path = f"/v1/tickets/{ticket['id']}"
        now.advance(hours=9)
        await fire_due(database)
        for is_answered in (False, True):
            for tags in (["vip"], []):
                now.advance(hours=1)
                assert (await admin_client.patch(path, json={"tags": tags})).status_code == 200
            response = (await slas(requester_client, ticket))["first_response"]
            one = response["ongoing_cycle"] or response["completed_cycles"][0]
            state, hours = ("breached", 12) if is_answered else ("running", 11)
            assert (one["state"], one["breached_at"]) == (state, "2026-10-26T17:00:00Z")
            assert one["elapsed"]["working_seconds"] == hours * 3600
            now.advance(hours=1)
            await admin_client.post(f"{path}/comments", json={"body": "Here I am."})
        assert [event[0] for event in await told(database, ticket)].count("sla.breached") == 1
        assert await no_differences(database) == 2


async def test_conditions_follow_the_number_of_comments(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    many = {"conditions": {"field": "public_comment_count", "op": "gte", "value": 2}}
    ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **many)
    for target in (24, 80):
        reply = await requester_client.post(f"/v1/tickets/{ticket['id']}/comments", json={"body": "And?"})
        assert reply.status_code == 201, reply.text
        cycle = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        assert cycle["target_seconds"] == target * 3600
    assert await no_differences(database) == 2


async def test_timers_tell_each_step_once_with_its_true_instant(
    requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        begun = now.at
        assert await fire_due(database) == 0
        now.advance(hours=6)
        assert await fire_due(database) == 1
        assert await fire_due(database) == 0
        # The worker stood still for two days.
        now.advance(hours=48)
        assert await fire_due(database) == 1
        assert await fire_due(database) == 0
        assert (await told(database, ticket))[2:] == [
            ("sla.warned", "first_response", begun + 6 * HOUR),
            ("sla.breached", "first_response", begun + 8 * HOUR),
            ("sla.warned", "resolution", begun + 18 * HOUR),
            ("sla.breached", "resolution", begun + 24 * HOUR),
        ]
        seen = (await requester_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert seen["sla_state"] == "breached"
        await no_differences(database)


async def test_what_a_timer_moved_since_is_compared(requester_client: httpx.AsyncClient, database: Database) -> None:
    """Its ticket did not change, and what it tells of is long ago."""

    async def compared(since: datetime) -> Any:
        return [item async for item in differences(database, since=since)][-1]

    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        await opened(requester_client)
        # Of the real clock, by which events are written down.
        since = datetime.now(UTC) + timedelta(milliseconds=1)
        await asyncio.sleep(0.005)
        assert (await compared(since), await compared(now.at)) == (0, 2)
        now.advance(hours=9)
        assert await fire_due(database) == 1
        assert await compared(since) == 2


async def test_many_workers_tell_it_once(own_database: Database, settings: Settings) -> None:
    install_wiring(settings)
    with clock.frozen(clock.now() - 100 * HOUR):
        opener = await make_user(own_database)
        for _ in range(40):
            await make_ticket(own_database, by=opener)
    await asyncio.gather(*[fire_due(own_database, batch=7) for _ in range(12)])
    while await fire_due(own_database, batch=7):
        pass
    async with own_database.session() as session:
        rows = (await session.scalars(select(EventRow).where(EventRow.type == "sla.breached"))).all()
        waiting = (await session.scalars(select(SlaClock).where(SlaClock.next_timer_at.is_not(None)))).all()
    assert len(rows) == len({row.subject_id for row in rows}) == 80
    assert waiting == []
    await no_differences(own_database)


async def test_nothing_is_told_of_a_ticket_that_is_resolved_in_the_same_moment(
    own_database: Database, settings: Settings
) -> None:
    install_wiring(settings)
    with clock.frozen(clock.now() - 30 * HOUR) as now:
        agent = await make_user(own_database, role=Role.ADMIN)
        ticket = await make_ticket(own_database, by=agent, impact="medium", urgency="medium")
        now.advance(hours=23)
        principal = await principal_of(own_database, agent)
        async with own_database.session() as session:
            held, _ = await lock_visible(session, principal, ticket.reference)
            await actions.pend_ticket(session, principal, held, TicketPend(reason=PendingReason.VENDOR))
            # The timer looks while the pause is not yet committed: the ticket is held, so it is left alone.
            now.advance(hours=7)
            assert await fire_due(own_database) == 0
    await fire_due(own_database)
    async with own_database.session() as session:
        breached = await session.scalars(select(EventRow).where(EventRow.type == "sla.breached"))
        assert [row.data["metric"] for row in breached] == ["first_response"]


async def test_a_deadline_by_hand_wins_until_it_is_removed(
    requester_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        clock_id = (await slas(supervisor_client, ticket))["resolution"]["ongoing_cycle"]["id"]
        path = f"/v1/tickets/{ticket['id']}/slas/{clock_id}/deadline"
        past = await supervisor_client.put(path, json={"due_at": "2026-03-02T08:00:00Z"})
        assert (past.status_code, past.json()["code"]) == (422, "deadline_in_past")
        far = await supervisor_client.put(path, json={"due_at": "2326-03-02T08:00:00Z"})
        assert (far.status_code, far.json()["code"]) == (422, "span_too_long")
        assert far.json()["errors"][0]["pointer"] == "#/due_at"
        set_ = await supervisor_client.put(path, json={"due_at": "2026-03-09T09:00:00Z", "reason": "Agreed by phone."})
        assert set_.json()["due_at"] == "2026-03-09T09:00:00Z"
        held = {"If-None-Match": (await supervisor_client.get(path)).headers["etag"]}
        assert (await supervisor_client.get(path, headers=held)).status_code == 304
        now.advance(hours=2)
        body = {"priority": "critical", "priority_reason": "Worse."}
        await supervisor_client.patch(f"/v1/tickets/{ticket['id']}", json=body)
        kept = (await slas(supervisor_client, ticket))["resolution"]["ongoing_cycle"]
        assert (kept["due_at"], kept["target_seconds"]) == ("2026-03-09T09:00:00Z", 4 * 3600)
        removed = await supervisor_client.put(path, json={"due_at": None})
        assert removed.json()["due_at"] == "2026-03-02T13:00:00Z"
        read = await supervisor_client.get(path, headers=held)
        assert read.json() == {"id": clock_id, "due_at": "2026-03-02T13:00:00Z", "manual_due_at": None}
        stale = {"If-Match": set_.headers["etag"]}
        missed = await supervisor_client.put(path, json={"due_at": "2026-03-10T09:00:00Z"}, headers=stale)
        assert (missed.status_code, missed.json()["code"]) == (412, "precondition_failed")
        assert read.headers["etag"].startswith(missed.json()["params"]["current_etag"][:-1])
        await fire_due(database)
        await no_differences(database)
        refused = await requester_client.put(path, json={"due_at": None})
        assert refused.status_code == 403


async def test_a_deadline_is_offered_where_a_clock_goes_on(
    requester_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, database: Database
) -> None:
    ticket = await opened(requester_client)
    offers = []
    for change in (
        None,
        # Of OLAs the ticket's row says nothing.
        update(SlaClock).values(kind=PolicyKind.OLA),
        update(SlaClock).values(state=ClockState.MET, ended_at=clock.now(), paused_at=None),
    ):
        if change is not None:
            async with database.session() as session:
                await session.execute(change)
                await session.execute(update(Ticket).values(sla_state=None, sla_due_at=None, awaits_reply=False))
        shown = (await supervisor_client.get(f"/v1/tickets/{ticket['id']}")).json()["allowed_actions"]
        offers += [one["reason_code"] for one in shown if one["action"] == "set_deadline"]
    assert offers == [None, None, "no_clock"]


@pytest.mark.parametrize("rests", [False, True])
async def test_a_deadline_by_hand_is_an_instant_whatever_the_hours_and_pauses(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, rests: bool
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE})
        now.advance(hours=5 * 24)  # A Saturday.
        clock_id = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["id"]
        path = f"/v1/tickets/{ticket['id']}/slas/{clock_id}/deadline"
        assert (await admin_client.put(path, json={"due_at": "2026-03-08T12:00:00Z"})).status_code == 200
        if rests:
            pended = await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "vendor"})
            assert datetime.fromisoformat(pended.json()["sla_due_at"]) == datetime(2026, 3, 8, 12, tzinfo=UTC)
        now.advance(hours=26)
        await fire_due(database)
        before = [event for event in await told(database, ticket) if event[:2] == ("sla.breached", "resolution")]
        now.advance(hours=2)
        await fire_due(database)
        after = [event for event in await told(database, ticket) if event[:2] == ("sla.breached", "resolution")]
        assert (before, after) == ([], [("sla.breached", "resolution", datetime(2026, 3, 8, 12, tzinfo=UTC))])
        seen = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]
        assert (seen["state"], seen["is_breached"]) == ("paused" if rests else "running", True)
        assert seen["remaining"] == {"working_seconds": 0.0, "calendar_seconds": -3600.0}
        await no_differences(database)


async def test_a_calendar_that_never_opens_again_is_never_late(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        fair = [{"date": "2026-03-02", "name": "The fair", "hours": [{"opens": "08:00", "closes": "12:00"}]}]
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": [], "days": fair})
        assert (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["due_at"] is None
        now.advance(hours=24 * 400)
        await fire_due(database)
        pended = await admin_client.post(f"/v1/tickets/{ticket['id']}/pend", json={"reason": "vendor"})
        assert pended.status_code == 200, pended.text
        assert [event for event in await told(database, ticket) if event[1] == "resolution"][1:] == [
            ("sla.paused", "resolution", now.at)
        ]
        await no_differences(database)


async def test_one_ticket_that_cannot_be_told_holds_up_no_other(
    requester_client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        broken, sound = await opened(requester_client), await opened(requester_client)
        now.advance(hours=48)
        fire_ticket = timers._fire_ticket

        async def failing(session: AsyncSession, ticket: Ticket, *rest: Any) -> None:
            if ticket.reference == broken["reference"]:
                raise KeyError(ticket.reference)
            await fire_ticket(session, ticket, *rest)

        monkeypatch.setattr(timers, "_fire_ticket", failing)
        assert await fire_due(database) == 2
        assert [event[0] for event in await told(database, broken)] == ["sla.started"] * 2
        assert len(await told(database, sound)) == 6
        # Put off, so that the next look does not meet it at once; and told as soon as it can be.
        assert await fire_due(database) == 0
        monkeypatch.setattr(timers, "_fire_ticket", fire_ticket)
        now.advance(minutes=1)
        assert await fire_due(database) == 1
        assert len(await told(database, broken)) == 6
        await no_differences(database)


@pytest.mark.parametrize("role", [Role.AGENT, Role.REQUESTER])
async def test_a_stranger_finds_no_clock(
    requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser, role: Role, a_team: Make
) -> None:
    team = await a_team()
    ticket = await opened(requester_client)
    clock_id = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]["id"]
    stranger = as_user(await a_user(role=role)) if role is Role.REQUESTER else None
    del team
    if stranger is not None:
        for path in ("slas", f"slas/{clock_id}/explain"):
            reply = await stranger.get(f"/v1/tickets/{ticket['id']}/{path}")
            assert (reply.status_code, reply.json()["code"]) == (404, "ticket_not_found")


async def test_what_would_be(requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        now.advance(hours=1)
        before = (await agent_client.get(f"/v1/tickets/{ticket['id']}")).json()
        body = {
            "ticket_id": ticket["id"],
            "changes": [
                {"at": "2026-03-02T11:00:00Z", "priority": "high"},
                {"at": "2026-03-02T12:00:00Z", "action": "pend"},
                {"at": "2026-03-03T12:00:00Z", "action": "resume"},
            ],
        }
        reply = await agent_client.post("/v1/slas/simulate", json=body)
        assert reply.status_code == 200, reply.text
        clocks = {one["metric"]: one for one in reply.json()["clocks"]}
        assert clocks["resolution"]["due_at"] == "2026-03-03T17:00:00Z"
        assert clocks["first_response"]["is_breached"]
        assert (await agent_client.get(f"/v1/tickets/{ticket['id']}")).json() == before
        facts = {"facts": {"priority": "critical", "created_at": "2026-03-02T09:00:00Z"}}
        imagined = (await requester_client.post("/v1/slas/simulate", json=facts)).json()
        assert {one["due_at"] for one in imagined["clocks"]} == {"2026-03-02T10:00:00Z", "2026-03-02T13:00:00Z"}
        both = await agent_client.post("/v1/slas/simulate", json={})
        assert (both.status_code, both.json()["code"]) == (422, "simulation_ambiguous")


async def test_a_database_that_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    away = Database("postgresql+asyncpg://nobody@/none?host=/nowhere")
    looking = timers.Timers(away)
    assert [await looking.look() for _ in range(3)] == [0, 0, 0]
    own = [record for record in caplog.records if record.name == timers.__name__]
    assert [(record.levelname, record.exc_info) for record in own] == [("WARNING", None)]
    assert "timers_wait_for_database" in own[0].getMessage()
    await away.dispose()


async def test_what_a_failed_part_did_to_a_clock_is_not_written(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    boss = await make_user(database, role=Role.ADMIN)
    ticket = await opened(admin_client)
    principal = await principal_of(database, boss)
    async with database.session() as session:
        async with savepoint(session):
            row, _ = await lock_visible(session, principal, ticket["reference"])
            await actions.pend_ticket(session, principal, row, TicketPend(reason=PendingReason.VENDOR))
        with suppress(TimeoutError):
            async with savepoint(session):
                row, _ = await lock_visible(session, principal, ticket["reference"])
                await actions.resume_ticket(session, principal, row)
                raise TimeoutError
    assert (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]["state"] == "paused"
    assert await no_differences(database)


async def test_the_explanation_is_cut_where_the_clock_changes_and_nowhere_else(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make
) -> None:
    """A boundary at each internal event would tell requesters when the staff did something."""
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}"
        now.advance(minutes=10)
        colleague = await a_user(role=Role.AGENT)
        shared = await agent_client.put(f"{path}/collaborators/usr_{colleague.id.hex}", json={})
        assert shared.status_code in {200, 201, 204}, shared.text
        now.advance(minutes=10)
        await agent_client.patch(path, json={"tags": ["vpn"]})
        now.advance(minutes=10)
        ongoing = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        explained = (await requester_client.get(f"{path}/slas/{ongoing['id']}/explain")).json()
        assert [(segment["why"], segment["seconds"]) for segment in explained["segments"]] == [("open", 1800.0)]


async def test_the_explanation_says_under_which_policy_and_calendar_each_stretch_was(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    """Numbers of versions alone tell nothing where another policy takes over: each has a first one."""
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        tagged = {"conditions": {"field": "tags", "op": "contains", "value": "vip"}}
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **tagged)
        path = f"/v1/tickets/{ticket['id']}"
        for tags in (["vip"], []):
            now.advance(hours=1)
            assert (await admin_client.patch(path, json={"tags": tags})).status_code == 200
        now.advance(hours=1)
        ongoing = (await slas(admin_client, ticket))["resolution"]["ongoing_cycle"]
        standard = (ongoing["policy_id"], ongoing["calendar_id"])
        segments = (await admin_client.get(f"{path}/slas/{ongoing['id']}/explain")).json()["segments"]
        promised = [(segment["policy_id"], segment["calendar_id"]) for segment in segments]
        assert (promised[0], promised[2]) == (standard, standard)
        assert promised[1][0] != standard[0]
        assert promised[1][1] != standard[1]
        assert sum(segment["seconds"] for segment in segments) == ongoing["elapsed"]["working_seconds"] == 3 * 3600


async def test_only_another_policy_cuts_the_explanation(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        always = {"calendar_id": "cal_00000000000070008000000000000247"}
        tagged = {"conditions": {"field": "tags", "op": "contains", "value": "vip"}}
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **tagged, **always)
        path = f"/v1/tickets/{ticket['id']}"
        for tags in (["vpn"], ["vip"]):
            now.advance(hours=1)
            assert (await admin_client.patch(path, json={"tags": tags})).status_code == 200
        now.advance(hours=1)
        ongoing = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
        segments = (await requester_client.get(f"{path}/slas/{ongoing['id']}/explain")).json()["segments"]
        assert [segment["seconds"] for segment in segments] == [7200, 3600]
        assert segments[1]["policy_id"] == ongoing["policy_id"] != segments[0]["policy_id"]


async def test_an_imported_past_tells_what_was_missed_and_starts_no_timer(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    at = {"Occurred-At": "2026-03-09T10:00:00Z"}
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ladder = [{"offset_seconds": 40 * 3600, "actions": [{"type": "notify", "to": "assignee"}]}]
        always = {"calendar_id": "cal_00000000000070008000000000000247", "escalations": ladder}
        await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **always)
        await fire_due(database)
        now.advance(hours=24 * 40)
        await fire_due(database)
        ticket = await opened(admin_client, occurred_at="2026-03-03T09:00:00Z")
        path = f"/v1/tickets/{ticket['id']}"
        # Between the deadline and the step behind it.
        past = {"type": "problem"}
        changed = await admin_client.patch(path, json=past, headers={"Occurred-At": "2026-03-06T20:00:00Z"})
        assert changed.status_code == 200, changed.text
        assert [event[0] for event in await told(database, ticket)] == ["sla.started", "sla.warned", "sla.breached"]
        await no_differences(database)
        # Today's, and nothing that a clock looks at.
        assert (await admin_client.patch(path, json={"affected_service": "VPN"})).status_code == 200
        await no_differences(database)
        other = await opened(admin_client, occurred_at="2026-03-09T09:00:00Z")
        sla_id = (await slas(admin_client, other))["resolution"]["ongoing_cycle"]["id"]
        deadline = f"/v1/tickets/{other['id']}/slas/{sla_id}/deadline"
        reply = await admin_client.put(deadline, json={"due_at": "2026-03-09T12:00:00Z"}, headers=at)
        assert reply.status_code == 200, reply.text
        # It was done by then, as the rest of its past will say.
        assert await fire_due(database) == 0
        await no_differences(database)
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        at["Occurred-At"] = "2026-03-09T11:00:00Z"
        done = await admin_client.post(f"/v1/tickets/{other['id']}/resolve", json=resolution, headers=at)
        assert done.status_code == 200, done.text
        assert (await slas(admin_client, other))["resolution"]["completed_cycles"][0]["state"] == "met"
        await no_differences(database)


async def test_a_vendors_late_answer_that_was_given_is_awaited_no_more(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        metrics = ("first_response", "update", "assignment", "resolution")
        targets = [
            {"metric": metric, "priority": priority, "seconds": 3600}
            for metric in metrics
            for priority in ("low", "medium")
        ]
        contract = {"kind": "underpinning_contract", "targets": targets}
        ticket = await promised_in(admin_client, requester_client, {"weekly_hours": OFFICE}, **contract)
        path = f"/v1/tickets/{ticket['id']}"

        async def contracted() -> dict[str, str]:
            found = (await admin_client.get(f"{path}/slas")).json()["data"]
            return {
                one["metric"]: (one["ongoing_cycle"] or one["completed_cycles"][-1])["state"]
                for one in found
                if one["kind"] == contract["kind"]
            }

        assert (await admin_client.post(f"{path}/pend", json={"reason": "vendor"})).status_code == 200
        now.advance(hours=2)
        await fire_due(database)
        me = {"assignee_id": "me"}
        assert (await admin_client.post(f"{path}/comments", json={"body": "They say it is mended."})).status_code == 201
        assert (await admin_client.post(f"{path}/assignments", json=me)).status_code == 201
        late = {**dict.fromkeys(metrics, "breached"), "resolution": "running"}
        assert await contracted() == late
        await no_differences(database)
        # Another target reads the past again.
        now.advance(hours=1)
        lower = {"priority": "low", "priority_reason": "It waits."}
        assert (await admin_client.patch(path, json=lower)).status_code == 200
        assert await contracted() == late
        await no_differences(database)
