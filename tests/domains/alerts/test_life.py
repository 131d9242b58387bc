"""An alert's life: triggers count, ends are told, flapping goes on in the same ticket, late words are dropped."""

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from tests.domains.alerts.sending import (
    RESOLVED,
    a_body,
    an_alert,
    an_integration,
    comments,
    outcomes,
    send,
    taken,
    ticket,
)
from tests.factories.records import Make

LATER = "2026-11-23T10:00:00Z"


async def test_repeats_count_on_the_alert_and_leave_the_ticket_alone(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    [first] = await taken(admin_client, key, a_body(an_alert(instance="db-1")))
    assert (first["outcome"], first["count"]) == ("opened", 1)
    before = await ticket(admin_client, first)
    assert (before["channel"], before["priority"], before["affected_service"]) == ("monitoring", "medium", "db-1")
    assert before["subject"] == "DiskFull on db-1"
    for count in (2, 3):
        [repeat] = await taken(admin_client, key, a_body(an_alert(instance="db-1")))
        assert (repeat["outcome"], repeat["count"], repeat["ticket_id"]) == ("repeated", count, first["ticket_id"])
    after = await ticket(admin_client, first)
    assert (after["updated_at"], after["status"], await comments(admin_client, first)) == (
        before["updated_at"],
        "open",
        [],
    )
    read = await admin_client.get(f"/v1/alerts/{first['alert_id']}")
    alert = read.json()
    assert (alert["count"], alert["state"], alert["labels"]["instance"]) == (3, "open", "db-1")
    held = {"If-None-Match": read.headers["etag"]}
    assert (await admin_client.get(f"/v1/alerts/{first['alert_id']}", headers=held)).status_code == 304
    await taken(admin_client, key, a_body(an_alert(instance="db-1")))
    assert (await admin_client.get(f"/v1/alerts/{first['alert_id']}", headers=held)).status_code == 200


@pytest.mark.parametrize(("on_resolve", "status"), [("note", "open"), ("resolve", "resolved")])
@pytest.mark.parametrize("visibility", ["internal", "public"])
async def test_an_end_is_told_and_resolves_where_it_is_set_so(
    admin_client: httpx.AsyncClient, on_resolve: str, status: str, visibility: str
) -> None:
    made = await an_integration(admin_client, on_resolve=on_resolve, note_visibility=visibility)
    [first] = await taken(admin_client, made["routing_key"], a_body(an_alert()))
    [end] = await taken(admin_client, made["routing_key"], a_body(an_alert(status=RESOLVED)))
    assert (end["outcome"], end["ticket_id"]) == ("resolved", first["ticket_id"])
    [note] = await comments(admin_client, first)
    assert (note["visibility"], note["channel"], "is over" in note["body"]) == (visibility, "monitoring", True)
    assert (await ticket(admin_client, first))["status"] == status
    slas = (await admin_client.get(f"/v1/tickets/{first['ticket_id']}/slas")).json()["data"]
    # Nobody has answered yet.
    assert {sla["ongoing_cycle"] is not None for sla in slas} == {status == "open"}
    again = await taken(admin_client, made["routing_key"], a_body(an_alert(status=RESOLVED)))
    assert outcomes(again) == ["dropped:no_open_alert"]
    assert len(await comments(admin_client, first)) == 1


@pytest.mark.parametrize("on_resolve", ["note", "resolve"])
async def test_flapping_goes_on_in_the_same_ticket_and_later_opens_a_new_one(
    admin_client: httpx.AsyncClient, on_resolve: str
) -> None:
    made = await an_integration(admin_client, on_resolve=on_resolve, flap_window_seconds=600)
    key = made["routing_key"]
    with clock.frozen(clock.now()) as moment:
        [first] = await taken(admin_client, key, a_body(an_alert()))
        await taken(admin_client, key, a_body(an_alert(status=RESOLVED)))
        moment.advance(seconds=600)
        [again] = await taken(admin_client, key, a_body(an_alert(start=LATER)))
        assert (again["outcome"], again["ticket_id"]) == ("reopened", first["ticket_id"])
        assert again["alert_id"] != first["alert_id"]
        assert (await ticket(admin_client, first))["status"] == "open"
        await taken(admin_client, key, a_body(an_alert(status=RESOLVED, start=LATER)))
        moment.advance(seconds=601)
        [new] = await taken(admin_client, key, a_body(an_alert(start="2026-11-23T11:00:00Z")))
        assert (new["outcome"], new["ticket_id"] != first["ticket_id"]) == ("opened", True)


async def test_words_of_an_earlier_alert_are_dropped(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, on_resolve="resolve"))["routing_key"]
    with clock.frozen(clock.now()) as moment:
        [first] = await taken(admin_client, key, a_body(an_alert(start=LATER)))
        late = await taken(admin_client, key, a_body(an_alert(status=RESOLVED)))
        assert outcomes(late) == ["dropped:late"]
        assert late[0]["alert_id"] == first["alert_id"]
        assert (await ticket(admin_client, first))["status"] == "open"
        await taken(admin_client, key, a_body(an_alert(status=RESOLVED, start=LATER)))
        moment.advance(seconds=5)
        # The slower of two replicas, whose beginning comes after the other's end.
        laggard = await taken(admin_client, key, a_body(an_alert(start=LATER)))
        assert outcomes(laggard) == ["dropped:already_resolved"]
        assert (await ticket(admin_client, first))["status"] == "resolved"
        moment.advance(seconds=60)
        # A monitor that was restarted goes on with the old beginning: that is no laggard.
        [restored] = await taken(admin_client, key, a_body(an_alert(start=LATER)))
        assert (restored["outcome"], restored["ticket_id"]) == ("reopened", first["ticket_id"])


async def test_a_ticket_that_was_closed_for_good_is_not_taken_up_again(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    [first] = await taken(admin_client, key, a_body(an_alert()))
    await admin_client.post(f"/v1/tickets/{first['ticket_id']}/cancel", json={"reason": "Known"})
    [end] = await taken(admin_client, key, a_body(an_alert(status=RESOLVED)))
    assert (end["outcome"], (await ticket(admin_client, first))["status"]) == ("resolved", "cancelled")
    [new] = await taken(admin_client, key, a_body(an_alert(start=LATER)))
    assert (new["outcome"], new["ticket_id"] != first["ticket_id"]) == ("opened", True)


async def test_a_merged_ticket_is_followed(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, on_resolve="resolve"))["routing_key"]
    [first] = await taken(admin_client, key, a_body(an_alert()))
    [other] = await taken(admin_client, key, a_body(an_alert("Other")))
    merged = await admin_client.post(f"/v1/tickets/{first['ticket_id']}/merge", json={"into": other["ticket_id"]})
    assert merged.status_code == 200, merged.text
    listed = (await admin_client.get(f"/v1/tickets/{other['ticket_id']}/alerts")).json()["data"]
    assert {alert["id"] for alert in listed} == {first["alert_id"], other["alert_id"]}
    for name, status in (("DiskFull", "open"), ("Other", "resolved")):
        [end] = await taken(admin_client, key, a_body(an_alert(name, status=RESOLVED)))
        assert (end["outcome"], end["ticket_reference"]) == ("resolved", other["ticket_reference"])
        # What one alert is about goes on while the other does.
        assert (await ticket(admin_client, other))["status"] == status
    assert len([one for one in await comments(admin_client, other) if "is over" in one["body"]]) == 2


async def test_who_acknowledged_gets_the_ticket(admin_client: httpx.AsyncClient, a_user: Make, a_team: Make) -> None:
    team = await a_team(auto_assign=False)
    agent = await a_user(role=Role.AGENT, teams=[team])
    stranger = await a_user()
    made = await an_integration(admin_client, kind="opsgenie", team_id=f"tea_{team.id.hex}")
    headers = {"Authorization": f"GenieKey {made['routing_key']}"}
    for alias, by, assignee in (("a", agent.email, agent), ("b", stranger.email, None), ("c", "ops", None)):
        created = await admin_client.post("/v2/alerts", json={"message": "Down", "alias": alias}, headers=headers)
        assert (created.status_code, created.json()["result"]) == (202, "Request will be processed")
        path = f"/v2/alerts/{alias}/acknowledge?identifierType=alias"
        assert (await admin_client.post(path, json={"user": by}, headers=headers)).status_code == 202
        [alert] = (await admin_client.get("/v1/alerts", params={"dedup_key": alias})).json()["data"]
        assert (alert["state"], alert["acknowledged_by"]) == ("acknowledged", by)
        shown = (await admin_client.get(f"/v1/tickets/{alert['ticket_id']}")).json()
        assert shown["status"] == "in_progress"
        assert shown["assignee_id"] == (f"usr_{assignee.id.hex}" if assignee else None)
        # Acknowledged: a repetition tells nobody, and leaves the ticket as it is.
        await admin_client.post("/v2/alerts", json={"message": "Down", "alias": alias}, headers=headers)
        assert (await admin_client.get(f"/v1/alerts/{alert['id']}")).json()["count"] == 2
        assert (await admin_client.get(f"/v1/tickets/{alert['ticket_id']}")).json() == shown


async def test_one_bad_alert_does_not_cost_the_others(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, on_resolve="resolve"))["routing_key"]
    odd = {**an_alert("Odd"), "labels": {"alertname": "Odd\x00", "x" * 500: "y" * 9_000}, "fingerprint": "k" * 9_000}
    body = a_body(an_alert("One"), odd, an_alert("Two", status=RESOLVED), an_alert("One"))
    results = await taken(admin_client, key, body)
    assert outcomes(results) == ["opened", "opened", "dropped:no_open_alert", "repeated"]
    assert len(results[1]["dedup_key"]) == 512
    listed = (await admin_client.get("/v1/alerts", params={"include_total": "true"})).json()
    assert listed["total"] == 2


async def test_a_rule_that_went_stale_does_not_cost_the_alert(
    admin_client: httpx.AsyncClient, a_category: Make
) -> None:
    category = await a_category()
    made = await an_integration(admin_client, category_id=f"cat_{category.id.hex}")
    retired = await admin_client.post(f"/v1/categories/cat_{category.id.hex}/retire", json={})
    assert retired.status_code == 200, retired.text
    [result] = await taken(admin_client, made["routing_key"], a_body(an_alert()))
    assert (result["outcome"], (await ticket(admin_client, result))["category_id"]) == ("opened", None)


async def test_rules_give_category_team_priority_and_tags(
    admin_client: httpx.AsyncClient, a_category: Make, a_team: Make
) -> None:
    category, team = await a_category(), await a_team(auto_assign=False)
    rules = [
        {"conditions": {"field": "site_name", "op": "eq", "value": "berlin"}, "team_id": f"tea_{team.id.hex}"},
        {"conditions": {"field": "severity", "op": "gte", "value": "error"}, "priority": "critical", "tags": ["red"]},
        {"conditions": {"all": []}, "category_id": f"cat_{category.id.hex}", "priority": "low", "tags": ["all"]},
    ]
    made = await an_integration(admin_client, rules=rules, asset_labels=["ci", "instance"])
    alert = an_alert(instance="db", **{"site.name": "berlin", "severity": "page", "ci": "srv-9"})
    [result] = await taken(admin_client, made["routing_key"], a_body(alert))
    shown = await ticket(admin_client, result)
    assert (shown["team_id"], shown["category_id"]) == (f"tea_{team.id.hex}", f"cat_{category.id.hex}")
    assert (shown["priority"], shown["tags"], shown["affected_service"]) == ("critical", ["red", "all"], "srv-9")
    [other] = await taken(admin_client, made["routing_key"], a_body(an_alert("Other")))
    shown = await ticket(admin_client, other)
    assert (shown["team_id"], shown["priority"], shown["tags"]) == (None, "low", ["all"])
    # Without its team the rest of what they say still counts.
    assert (await admin_client.post(f"/v1/teams/tea_{team.id.hex}/archive")).status_code == 200
    [third] = await taken(admin_client, made["routing_key"], a_body({**alert, "fingerprint": "third"}))
    shown = await ticket(admin_client, third)
    assert (third["outcome"], shown["team_id"], shown["tags"]) == ("opened", None, ["red", "all"])


async def test_a_group_is_one_alert_where_it_is_set_so(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client, grouping="group", on_resolve="resolve"))["routing_key"]
    both = a_body(an_alert(instance="a"), an_alert(instance="b"), group="{}:{alertname='DiskFull'}")
    [first] = await taken(admin_client, key, both)
    assert (first["outcome"], first["dedup_key"]) == ("opened", "{}:{alertname='DiskFull'}")
    one = a_body(an_alert(instance="a", status=RESOLVED), an_alert(instance="b"), group=first["dedup_key"])
    assert outcomes(await taken(admin_client, key, one)) == ["repeated"]
    none = a_body(*(an_alert(instance=name, status=RESOLVED) for name in "ab"), group=first["dedup_key"])
    assert outcomes(await taken(admin_client, key, none)) == ["resolved"]
    assert (await ticket(admin_client, first))["status"] == "resolved"


async def test_what_a_sender_writes_is_shown_and_not_run(admin_client: httpx.AsyncClient) -> None:
    key = (await an_integration(admin_client))["routing_key"]
    alert = an_alert(instance="<script>alert(1)</script>")
    alert["annotations"] = {"summary": "[x](javascript:alert(1)) **bold**", "runbook_url": "javascript:alert(1)"}
    [result] = await taken(admin_client, key, a_body(alert))
    html = (await ticket(admin_client, result))["description_html"]
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "<strong>bold" not in html


async def test_the_alerts_of_a_body_are_all_or_nothing_in_the_database(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await an_integration(admin_client)
    reply = await send(client, made["routing_key"], a_body(*(an_alert(instance=str(n)) for n in range(501))))
    assert (reply.status_code, reply.json()["code"]) == (413, "alert_body_too_large")
    assert (await admin_client.get("/v1/alerts")).json()["data"] == []
