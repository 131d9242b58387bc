"""Senders at once, on a database with real commits: two replicas, storms, a burst, and a process that dies."""

import asyncio
import json
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.intake import Gate, settings_of, take
from helpdesk_api.domains.alerts.models import Alert
from helpdesk_api.domains.alerts.queries import by_routing_key
from helpdesk_api.domains.alerts.senders import Incoming, read_alerts
from helpdesk_api.domains.alerts.taking import take_alerts
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.main import create_app
from tests.domains.alerts.sending import RESOLVED, a_body, an_alert, an_integration, outcomes, send, taken
from tests.end_to_end.burst import FACTS, Sender, body_of, differences, plan
from tests.factories.records import make_team, make_user
from tests.fixtures.clients import client_of, test_authenticator

Json = dict[str, Any]


@pytest.fixture
def desk(settings: Settings, own_database: Database) -> FastAPI:
    app = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    return app


async def an_admin(desk: FastAPI, database: Database) -> httpx.AsyncClient:
    return client_of(desk, f"test-{(await make_user(database, role=Role.ADMIN)).id.hex}")


async def count(database: Database, what: Any) -> int:
    async with database.session() as session:
        return int(await session.scalar(select(func.count()).select_from(what)) or 0)


async def test_the_same_body_from_sixteen_senders_at_once_is_one_ticket(desk: FastAPI, own_database: Database) -> None:
    admin = await an_admin(desk, own_database)
    team = await make_team(own_database)
    await make_user(own_database, role=Role.AGENT, teams=[team])
    made = await an_integration(admin, on_resolve="resolve", team_id=f"tea_{team.id.hex}")
    names = [f"n{number}" for number in range(5)]
    for start in ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z"):
        # Each sender has the alerts in another order: none may wait for another in a circle.
        bodies = [
            a_body(*(an_alert(instance=name, start=start) for name in (names[n % 5 :] + names[: n % 5])))
            for n in range(16)
        ]
        results = await asyncio.gather(*(taken(admin, made["routing_key"], body) for body in bodies))
        told = Counter(one["outcome"] for result in results for one in result)
        begun = "opened" if start.startswith("2026-11-23T08") else "reopened"
        assert told == {begun: 5, "repeated": 75}
        assert await count(own_database, Ticket) == 5
        ends = [a_body(*(an_alert(instance=name, status=RESOLVED, start=start) for name in names))] * 16
        results = await asyncio.gather(*(taken(admin, made["routing_key"], body) for body in ends))
        told = Counter(outcome for result in results for outcome in outcomes(result))
        assert told == {"resolved": 5, "dropped:no_open_alert": 75}
    async with own_database.session() as session:
        counts = (await session.scalars(select(Alert.count))).all()
    assert sorted(counts) == [16] * 10


async def test_an_end_never_overtakes_its_beginning(desk: FastAPI, own_database: Database) -> None:
    """The end arrives while the beginning is not yet committed: it waits, and finds it."""
    admin = await an_admin(desk, own_database)
    made = await an_integration(admin)
    integration = await by_routing_key(own_database, made["routing_key"])
    assert integration is not None
    begin = AlertFact(AlertAction.TRIGGER, "Disk full", "disk")
    async with own_database.session() as session:
        [begun] = await take_alerts(session, own_database, integration, [begin])

        async def end() -> list[Any]:
            fact = AlertFact(AlertAction.RESOLVE, "Disk full", "disk")
            async with own_database.session() as second:
                return await take_alerts(second, own_database, integration, [fact])

        ending = asyncio.create_task(end())
        await asyncio.sleep(0.2)
        assert not ending.done()
    [ended] = await ending
    assert (ended.outcome, ended.alert_id) == ("resolved", begun.alert_id)


async def test_a_process_that_dies_before_its_commit_leaves_nothing(desk: FastAPI, own_database: Database) -> None:
    """The sender has no answer and sends again: then it is there once."""
    admin = await an_admin(desk, own_database)
    made = await an_integration(admin)
    integration = await by_routing_key(own_database, made["routing_key"])
    assert integration is not None
    fact = AlertFact(AlertAction.TRIGGER, "Disk full", "disk")

    async def die() -> None:
        async with own_database.session() as session:
            [result] = await take_alerts(session, own_database, integration, [fact])
            assert result.outcome == "opened"
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await die()
    assert (await count(own_database, Alert), await count(own_database, Ticket)) == (0, 0)
    async with own_database.session() as session:
        [result] = await take_alerts(session, own_database, integration, [fact])
    assert result.outcome == "opened"
    assert (await count(own_database, Alert), await count(own_database, Ticket)) == (1, 1)


@pytest.mark.parametrize("label", [None, "site"])
async def test_a_storm_has_one_incident_that_lists_it(desk: FastAPI, own_database: Database, label: str | None) -> None:
    admin = await an_admin(desk, own_database)
    made = await an_integration(
        admin, storm_limit=10, storm_window_seconds=3_600, storm_label=label, on_resolve="resolve"
    )
    key = made["routing_key"]
    sites = ("berlin", "paris") if label else ("berlin",)
    bodies = [a_body(an_alert(instance=f"{site}-{n}", site=site)) for n in range(30) for site in sites]
    results = await asyncio.gather(*(taken(admin, key, body) for body in bodies))
    told = Counter(one["outcome"] for [one] in results)
    assert told["opened"] + told["attached"] == len(bodies)
    # Exactly the limit, however many were taken at once.
    assert told["opened"] == 10 * len(sites)
    parents = {one["ticket_id"] for [one] in results if one["outcome"] == "attached"}
    assert len(parents) == len(sites)
    assert await count(own_database, Ticket) == told["opened"] + len(sites)
    assert await count(own_database, Alert) == len(bodies)
    listed = 0
    for parent in parents:
        shown = (await admin.get(f"/v1/tickets/{parent}")).json()
        assert shown["tags"] == ["alert-storm", "major-incident-candidate"]
        assert shown["priority"] == "critical"
        page = (await admin.get(f"/v1/tickets/{parent}/alerts", params={"include_total": "true", "limit": 5})).json()
        assert all(alert["in_storm"] and alert["ticket_id"] == parent for alert in page["data"])
        listed += page["total"]
    assert listed == told["attached"]
    # The storm's end is told once, by the last of its alerts.
    ends = [a_body(an_alert(instance=f"{site}-{n}", site=site, status=RESOLVED)) for n in range(30) for site in sites]
    results = await asyncio.gather(*(taken(admin, key, body) for body in ends))
    assert Counter(one["outcome"] for [one] in results) == {"resolved": len(ends)}
    for parent in parents:
        assert (await admin.get(f"/v1/tickets/{parent}")).json()["status"] == "resolved"
        assert len((await admin.get(f"/v1/tickets/{parent}/comments")).json()["data"]) == 1


async def test_a_new_storm_after_the_old_one_is_a_new_incident(desk: FastAPI, own_database: Database) -> None:
    admin = await an_admin(desk, own_database)
    team_id = f"tea_{(await make_team(own_database)).id.hex}"
    key = (await an_integration(admin, storm_limit=1, storm_window_seconds=3_600, team_id=team_id))["routing_key"]
    parents: list[str] = []
    for storm in ("a", "b"):
        results = [(await taken(admin, key, a_body(an_alert(instance=f"{storm}{n}"))))[0] for n in range(4)]
        attached = {one["ticket_id"] for one in results if one["outcome"] == "attached"}
        assert len(attached) == 1
        parents += attached
        await admin.post(f"/v1/tickets/{parents[-1]}/cancel", json={"reason": "Over"})
        assert (await admin.post(f"/v1/teams/{team_id}/archive")).status_code == 200
    assert len(set(parents)) == 2
    # Its team is gone meanwhile, which costs no alert.
    teams = [(await admin.get(f"/v1/tickets/{parent}")).json()["team_id"] for parent in parents]
    assert teams == [team_id, None]


async def test_a_full_intake_says_so_and_others_are_served(desk: FastAPI, own_database: Database) -> None:
    admin = await an_admin(desk, own_database)
    key = (await an_integration(admin, storm_limit=5))["routing_key"]
    bodies = [a_body(an_alert(instance=str(n))) for n in range(400)]
    burst = [asyncio.create_task(send(admin, key, body)) for body in bodies]
    await asyncio.sleep(0)
    others = [await admin.get("/v1/tickets") for _ in range(10)]
    assert {reply.status_code for reply in others} == {200}
    replies = await asyncio.gather(*burst)
    told = Counter(reply.status_code for reply in replies)
    assert set(told) <= {202, 503}
    for reply in replies:
        if reply.status_code == 503:
            assert (reply.json()["code"], int(reply.headers["retry-after"]) > 0) == ("alert_intake_busy", True)
    # What was answered with 202 is there, and nothing else.
    assert await count(own_database, Alert) == told[202]
    refused = [body for body, reply in zip(bodies, replies, strict=True) if reply.status_code == 503]
    for body in refused:
        assert (await send(admin, key, body)).status_code == 202
    assert await count(own_database, Alert) == 400


async def test_a_repetition_is_one_statement_however_many_a_body_has(desk: FastAPI, own_database: Database) -> None:
    admin = await an_admin(desk, own_database)
    key = (await an_integration(admin))["routing_key"]
    integration = await by_routing_key(own_database, key)
    assert integration is not None
    for size, most in ((1, 1), (20, 2)):
        body = json.dumps(a_body(*(an_alert(instance=f"db-{number}") for number in range(size)))).encode()
        facts = read_alerts(integration.kind, Incoming(body, "application/json"), settings_of(integration))
        await take(Gate(1), own_database, integration, facts)
        counted = StatementCount()
        token = statement_count.set(counted)
        results = await take(Gate(1), own_database, integration, facts)
        statement_count.reset(token)
        assert {one["outcome"] for one in results} == {"repeated"}
        assert all(one["ticket_reference"] for one in results)
        assert counted.value == most


async def test_a_mixed_burst_is_accounted_for_by_answers_and_tables(desk: FastAPI, own_database: Database) -> None:
    """Beginnings, repetitions and ends of few keys, from sixteen senders to two integrations, one with a limit."""
    admin = await an_admin(desk, own_database)
    senders = []
    for limit in (None, 15):
        settings = {"storm_limit": limit, "storm_window_seconds": 3_600, "flap_window_seconds": 0}
        made = await an_integration(admin, on_resolve="resolve", **settings)
        senders.append(Sender(made["id"], made["routing_key"], limit))
    waiting = plan(senders, 320)

    async def send_some() -> None:
        while waiting:
            sender, is_end, key = waiting.pop()
            [one] = await taken(admin, sender.key, body_of(key, is_end=is_end))
            sender.told[one["outcome"]] += 1
            sender.triggers += not is_end

    await asyncio.gather(*[send_some() for _ in range(16)])
    assert sum(sender.told.total() for sender in senders) == 320
    assert senders[1].told["opened"] == 15
    connection = await asyncpg.connect(own_database.url.replace("postgresql+asyncpg://", "postgresql://", 1))
    for sender in senders:
        facts = await connection.fetchrow(FACTS, parse_id("ain", sender.id))
        assert facts is not None
        assert differences(sender, dict(facts)) == []
    await connection.close()
