"""What happens on the way to a breach and after it: mails, priority, hand-over, watchers, webhooks."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.sla import escalations
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.timers import fire_due
from helpdesk_api.domains.tickets.models import TicketWatcher
from helpdesk_api.integrations.http.protocol import AddressRefused, HttpAnswer
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.worker import drain
from tests.domains.sla.test_clocks import no_differences, opened
from tests.domains.sla.test_policies import drafted, first_in_order
from tests.factories.records import Make

HOUR = 3600


class Receiver:
    """Somebody's server: takes what it is sent, after as many refusals as it was told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, dict[str, str]]] = []
        self.refusals = 0

    async def post(self, url: str, body: bytes, headers: Any) -> HttpAnswer:
        if self.refusals:
            self.refusals -= 1
            return HttpAnswer(503, "")
        if "refused" in url:
            raise AddressRefused
        self.taken.append((url, body, dict(headers)))
        return HttpAnswer(204, "")

    async def close(self) -> None:
        return None


@pytest.fixture(autouse=True)
def receiver() -> Receiver:
    delivery.use_transport(FakeMail())
    made = Receiver()
    escalations.use_caller(made)
    return made


async def mails(database: Database) -> list[tuple[str, str]]:
    async with database.session() as session:
        rows = await session.scalars(select(OutboundMail).order_by(OutboundMail.created_at, OutboundMail.id))
        return [(row.to_name, row.text) for row in rows if row.template == "service_level"]


async def promised(client: httpx.AsyncClient, *steps: dict[str, Any]) -> None:
    policy = await drafted(client, escalations=list(steps))
    await first_in_order(client, policy)
    assert (await client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})).status_code == 200


async def test_who_has_it_is_warned_and_who_leads_them_hears_of_the_breach(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_user: Make, a_team: Make
) -> None:
    lead = await a_user(role=Role.SUPERVISOR, name="Lea")
    team = await a_team()
    await admin_client.put(f"/v1/teams/tea_{team.id.hex}/members/usr_{lead.id.hex}", json={"is_lead": True})
    agent = await a_user(role=Role.AGENT, name="Ann", teams=[team])
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        await promised(admin_client)
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}/assignments"
        body = {"team_id": f"tea_{team.id.hex}", "assignee_id": f"usr_{agent.id.hex}"}
        assert (await admin_client.post(path, json=body)).status_code == 201
        await drain(database)
        now.advance(minutes=90)
        await drain(database)
        assert [name for name, _ in await mails(database)] == ["Ann"]
        now.advance(minutes=30)
        await drain(database)
        assert sorted(name for name, _ in await mails(database)) == ["Ann", "Ann", "Lea"]
        assert sum("is late" in text for _, text in await mails(database)) == 2


async def test_the_ladder_is_climbed_once(
    admin_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    database: Database,
    a_user: Make,
    a_team: Make,
    receiver: Receiver,
) -> None:
    boss, gone = [await a_user(role=Role.SUPERVISOR, name=name) for name in ("Bo", "Gus")]
    second = await a_team(name="Second line")
    expert = await a_user(role=Role.AGENT, name="Eva", teams=[second])
    steps = (
        {
            "offset_seconds": -HOUR,
            "actions": [
                {"type": "raise_priority"},
                *({"type": "add_watcher", "user_id": f"usr_{one.id.hex}"} for one in (boss, gone)),
                {"type": "notify", "to": "user", "user_id": f"usr_{boss.id.hex}"},
            ],
        },
        {
            "metric": "resolution",
            "offset_seconds": HOUR,
            "actions": [
                {"type": "assign", "team_id": f"tea_{second.id.hex}"},
                {"type": "call_webhook", "url": "https://hooks.example/late"},
            ],
        },
    )
    targets = [{"metric": "resolution", "priority": priority, "seconds": 2 * HOUR} for priority in ("medium", "high")]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client, targets=targets, escalations=list(steps))
        await first_in_order(admin_client, policy)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        assert (await admin_client.post(f"/v1/users/usr_{gone.id.hex}/deactivate", json={})).status_code == 200
        ticket = await opened(requester_client)
        now.advance(hours=1)
        await drain(database)
        raised = (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert (raised["priority"], raised["priority_reason"]) == ("high", "Gold escalated it.")
        async with database.session() as session:
            watchers = list(await session.scalars(select(TicketWatcher.user_id)))
            added = list(await session.scalars(select(EventRow).where(EventRow.type == "ticket.watcher_added")))
        assert boss.id in watchers
        assert gone.id not in watchers
        assert [event.data["user_id"] for event in added] == [f"usr_{boss.id.hex}"]
        assert added[0].cause_rule == "Gold"
        now.advance(hours=2)
        await drain(database)
        handed = (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert (handed["team_id"], handed["assignee_id"]) == (f"tea_{second.id.hex}", f"usr_{expert.id.hex}")
        history = (await admin_client.get(f"/v1/tickets/{ticket['id']}/assignments")).json()["data"]
        assert {step["decided_by"] for step in history if step["to"] == handed["team_id"]} == {"escalation"}
        assert [(url, headers["Helpdesk-Delivery"][:4]) for url, _, headers in receiver.taken] == [
            ("https://hooks.example/late", "evt_")
        ]
        assert [name for name, _ in await mails(database) if name == "Bo"] == ["Bo"]
        await drain(database)
        assert len(receiver.taken) == 1
        await no_differences(database)


async def test_what_cannot_be_called_fails_and_is_seen(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        call = {"type": "call_webhook", "url": "https://refused.example/late"}
        await promised(admin_client, {"offset_seconds": 0, "actions": [call]})
        await opened(requester_client)
        now.advance(hours=2)
        with pytest.raises(AddressRefused):
            await drain(database)


async def test_nothing_is_done_for_a_clock_that_has_ended_meanwhile(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:

    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        await promised(admin_client, {"offset_seconds": -HOUR, "actions": [{"type": "raise_priority"}]})
        ticket = await opened(requester_client)
        now.advance(hours=1)
        assert await fire_due(database) == 1
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        await admin_client.post(f"/v1/tickets/{ticket['id']}/resolve", json=resolution)
        await drain(database)
        assert (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()["priority"] == "medium"
        assert await mails(database) == []


async def test_a_step_and_a_warning_of_one_instant_are_derived_as_they_were_told(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(
            admin_client,
            warnings=[{"seconds_before": HOUR}],
            escalations=[{"offset_seconds": -HOUR, "actions": [{"type": "raise_priority"}]}],
        )
        await first_in_order(admin_client, policy)
        assert (await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})).status_code == 200
        await opened(requester_client)
        now.advance(hours=9)
        await fire_due(database)
        assert await no_differences(database) >= 1


async def republished(client: httpx.AsyncClient, policy: dict[str, Any], **fields: Any) -> None:
    path = f"/v1/sla-policies/{policy['id']}"
    assert (await client.patch(path, json=fields)).status_code == 200
    assert (await client.post(f"{path}/publish", json={})).status_code == 200


async def counted(database: Database) -> tuple[int, int]:
    async with database.session() as session:
        types = list(await session.scalars(select(EventRow.type)))
    return types.count("sla.warned"), types.count("sla.escalated")


async def test_a_step_is_told_once_wherever_versions_and_policies_have_it(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_user: Make
) -> None:
    people = [await a_user(role=Role.AGENT) for _ in range(4)]
    rungs = [
        {"offset_seconds": offset, "actions": [{"type": "add_watcher", "user_id": f"usr_{one.id.hex}"}]}
        for offset, one in zip((-HOUR, -3000, -2400, -600), people, strict=True)
    ]
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        gold = await drafted(admin_client, warnings=[{"percent": 25}], escalations=rungs[:1])
        tagged = {"field": "tags", "op": "contains", "value": "silver"}
        silver = await drafted(
            admin_client, name="Silver", warnings=[{"percent": 60}], escalations=rungs[2:3], conditions=tagged
        )
        for policy in (gold, silver):
            await first_in_order(admin_client, policy)
            await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}"
        now.advance(minutes=75)
        await drain(database)
        assert await counted(database) == (1, 1)
        # Both have passed by now, and their places were those of what was told.
        warnings, ladder = [{"percent": 50}, {"percent": 25}], [rungs[1], rungs[0], rungs[3]]
        await republished(admin_client, gold, warnings=warnings, escalations=ladder)
        await drain(database)
        assert await counted(database) == (2, 2)
        now.advance(minutes=10)
        for tags, expected in ((["silver"], (3, 3)), ([], (3, 3))):
            assert (await admin_client.patch(path, json={"tags": tags})).status_code == 200
            await drain(database)
            assert await counted(database) == expected
        # What no timer saw is told, and done, as the version has it under which it came to pass.
        now.advance(minutes=30)
        assert (await admin_client.patch(path, json={"tags": ["silver"]})).status_code == 200
        await drain(database)
        assert await counted(database) == (3, 4)
        async with database.session() as session:
            watchers = set(await session.scalars(select(TicketWatcher.user_id)))
        assert {one.id for one in people} <= watchers
        await no_differences(database)


async def test_what_an_earlier_release_knew_by_its_place_is_derived_so(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        policy = await drafted(admin_client, warnings=[{"percent": 25}])
        await first_in_order(admin_client, policy)
        await admin_client.post(f"/v1/sla-policies/{policy['id']}/publish", json={})
        await opened(requester_client)
        now.advance(minutes=40)
        await drain(database)
        await republished(admin_client, policy, warnings=[{"percent": 50}])
        await drain(database)
        async with database.session() as session:
            (one,) = await session.scalars(select(SlaClock))
            assert one.fired == ["warning 25%"]
            one.fired, one.next_timer_at = ["warning:0"], one.due_at
            await session.execute(update(EventRow).values(data=EventRow.data.op("-")("steps_told")))
        await no_differences(database)
        now.advance(hours=1)
        await drain(database)
        assert await counted(database) == (1, 0)
        await no_differences(database)
