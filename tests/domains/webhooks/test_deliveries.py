"""From an event to the receiver: once per webhook and event, tried again, and visible."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from helpdesk_api import doctor
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.webhooks.rules import PAUSES
from helpdesk_api.integrations.http.fake import FakeCaller
from tests.domains.webhooks.desk import deliveries, happen, hooked, relay, sent
from tests.factories.records import Make
from tests.fixtures.clients import posted_twice
from tests.fixtures.secret_keys import OTHER_SECRET, another_secret_key

STARTED = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
async def ticket(a_ticket: Make, database: Database) -> Ticket:
    made: Ticket = await a_ticket()
    await relay(database)
    return made


async def test_an_event_arrives_as_the_log_shows_it(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"])
    event_id = await happen(database, ticket)
    caller = FakeCaller()
    [body] = await sent(database, caller)
    assert body == (await admin_client.get(f"/v1/events/{event_id}")).json()
    assert body["internal_details"] == [{"name": "note", "value": "for the staff"}]
    assert await sent(database, caller) == []
    [delivery] = await deliveries(admin_client, made)
    [posted] = caller.posted
    assert delivery["id"] == posted.headers["webhook-id"]
    assert {name: delivery[name] for name in ("number", "event_id", "event_type", "state", "attempt_count")} == {
        "number": 1,
        "event_id": event_id,
        "event_type": "ticket.updated",
        "state": "delivered",
        "attempt_count": 1,
    }
    [attempt] = delivery["attempts"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 204, None)
    assert attempt["answer_head"] == "status 204"
    one = await admin_client.get(f"/v1/webhooks/{made['id']}/deliveries/{delivery['id']}")
    assert one.json() == delivery


async def test_a_thin_one_names_the_event_and_no_more(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    await hooked(admin_client, event_types=["ticket.updated"], payload="thin")
    event_id = await happen(database, ticket)
    [body] = await sent(database, FakeCaller())
    assert sorted(body) == ["id", "occurred_at", "subject", "ticket_id", "type", "url"]
    assert body["url"].endswith(f"/v1/events/{event_id}")


async def test_types_and_conditions_narrow_what_is_sent(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket, a_ticket: Make
) -> None:
    critical = {"field": "priority", "op": "eq", "value": "critical"}
    harmless = {"not": critical}
    everything = await hooked(admin_client)
    urgent = await hooked(admin_client, conditions=critical)
    others = await hooked(admin_client, conditions=harmless, event_types=["ticket.updated", "webhook.created"])
    await sent(database, FakeCaller())
    first = await happen(database, ticket)
    await a_ticket()
    await sent(database, FakeCaller())
    assert [one["event_id"] for one in await deliveries(admin_client, others)] == [first]
    assert await deliveries(admin_client, urgent) == []
    kinds = {one["event_type"] for one in await deliveries(admin_client, everything)}
    assert {"ticket.updated", "ticket.created", "webhook.created"} <= kinds


async def test_signatures_are_those_of_the_standard(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"], description="müßig 🎫")
    await happen(database, ticket)
    caller = FakeCaller()
    await sent(database, caller)
    [posted] = caller.posted
    assert Verifier(made["secret"]).verify(posted.body, dict(posted.headers))["type"] == "ticket.updated"
    with pytest.raises(WebhookVerificationError):
        Verifier(made["secret"]).verify(posted.body + b" ", dict(posted.headers))
    with pytest.raises(WebhookVerificationError):
        Verifier(made["secret"]).verify(posted.body, {**posted.headers, "webhook-id": "whd_other"})


async def test_while_a_secret_is_rotated_both_verify_and_then_the_new_one_alone(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"])
    fresh = (await admin_client.post(f"/v1/webhooks/{made['id']}/rotate-secret")).json()
    await happen(database, ticket)
    caller = FakeCaller()
    await sent(database, caller)
    headers = dict(caller.posted[0].headers)
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (made["secret"], fresh["secret"]):
        Verifier(secret).verify(caller.posted[0].body, headers)
    with clock.frozen(clock.now() + timedelta(hours=24, seconds=1)):
        await happen(database, ticket)
        await sent(database, caller)
    assert len(caller.posted[1].headers["webhook-signature"].split()) == 1
    third = (await admin_client.post(f"/v1/webhooks/{made['id']}/rotate-secret")).json()
    await happen(database, ticket)
    await sent(database, caller)
    headers = dict(caller.posted[2].headers)
    for secret in (fresh["secret"], third["secret"]):
        Verifier(secret).verify(caller.posted[2].body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(made["secret"]).verify(caller.posted[2].body, headers)


async def test_a_failure_is_tried_again_on_the_schedule_under_one_id_until_it_is_dead(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    caller = FakeCaller(answers=lambda _: 302)
    with clock.frozen(STARTED) as now:
        made = await hooked(admin_client, event_types=["ticket.updated"])
        await happen(database, ticket)
        for step, pause in enumerate(PAUSES):
            now.advance(seconds=pause.total_seconds() * 0.99)
            if step:
                assert await sent(database, caller) == []
            now.advance(seconds=pause.total_seconds() * 0.12)
            assert len(await sent(database, caller)) == 1
        now.advance(days=30)
        assert await sent(database, caller) == []
    assert len({posted.headers["webhook-id"] for posted in caller.posted}) == 1
    assert len({posted.headers["webhook-timestamp"] for posted in caller.posted}) == len(PAUSES)
    [delivery] = await deliveries(admin_client, made, "state=dead")
    assert (delivery["attempt_count"], delivery["last_status"]) == (len(PAUSES), 302)
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["answered 302"] * len(PAUSES)
    path = f"/v1/webhooks/{made['id']}/deliveries/{delivery['id']}"
    held = {"If-None-Match": (await admin_client.get(path)).headers["etag"]}
    assert (await admin_client.get(path, headers=held)).status_code == 304
    again = await posted_twice(admin_client, f"{path}/redeliver")
    assert (await admin_client.get(path, headers=held)).json()["state"] == "pending"
    assert (again.status_code, again.json()["state"], again.json()["id"]) == (202, "pending", delivery["id"])
    caller.answers = lambda _: 200
    assert len(await sent(database, caller)) == 1
    assert caller.posted[-1].headers["webhook-id"] == delivery["id"]
    [delivery] = await deliveries(admin_client, made)
    assert (delivery["state"], delivery["attempt_count"]) == ("delivered", len(PAUSES) + 1)


async def test_no_answer_counts_as_a_failure(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"])
    await happen(database, ticket)
    await sent(database, FakeCaller(answers=lambda _: None))
    [delivery] = await deliveries(admin_client, made, "state=pending")
    assert (delivery["last_status"], delivery["last_error"]) == (None, "no answer within 15 seconds")
    assert delivery["next_attempt_at"] is not None


async def test_a_secret_of_another_secret_key_is_a_failure_until_it_is_rotated(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket, settings: Settings
) -> None:
    other_settings = settings.model_copy(update={"secret_key": SecretStr(OTHER_SECRET)})
    caller = FakeCaller()
    with clock.frozen(STARTED) as now:
        made = await hooked(admin_client, event_types=["ticket.updated"])
        event_id = await happen(database, ticket)
        with another_secret_key():
            assert await sent(database, caller) == []
            [delivery] = await deliveries(admin_client, made, "state=pending")
            assert (delivery["attempt_count"], delivery["last_status"]) == (1, None)
            assert delivery["last_error"].startswith("not sent: the secret cannot be read")
            [told] = await doctor._sealed(other_settings, database)
            assert told.text.startswith("secrets of webhooks: 1 cannot be opened")
            fresh = (await admin_client.post(f"/v1/webhooks/{made['id']}/rotate-secret")).json()
            assert await doctor._sealed(other_settings, database) == []
            now.advance(seconds=6)
            # The secret before still lives, and does not open.
            assert [body["id"] for body in await sent(database, caller)] == [event_id]
    [signature] = caller.posted[0].headers["webhook-signature"].split()
    assert signature == Verifier(fresh["secret"]).sign(delivery["id"], now.at, caller.posted[0].body.decode())


async def test_410_switches_it_off_and_its_owner_is_told(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"])
    await happen(database, ticket)
    await sent(database, FakeCaller(answers=lambda _: 410))
    path = f"/v1/webhooks/{made['id']}"
    read = (await admin_client.get(path)).json()
    assert (read["is_active"], read["disabled_reason"]) == (False, "gone")
    await happen(database, ticket)
    assert await sent(database, FakeCaller()) == []
    for verb in ("test", "replay"):
        body = {"from": "2026-03-02T08:00:00Z", "to": "2026-03-02T12:00:00Z"} if verb == "replay" else None
        assert (await admin_client.post(f"{path}/{verb}", json=body)).json()["code"] == "webhook_inactive"
    again = (await admin_client.patch(path, json={"is_active": True})).json()
    assert (again["is_active"], again["disabled_reason"]) == (True, None)


async def test_an_ordered_one_waits_behind_what_fails(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    with clock.frozen(STARTED) as now:
        await hooked(admin_client, event_types=["ticket.updated"], is_ordered=True)
        events = [await happen(database, ticket) for _ in range(30)]
        failing, refused = events[2], [1]

        def answers(posted: object) -> int:
            if json.loads(posted.body)["id"] == failing and refused:  # type: ignore[attr-defined]
                refused.pop()
                return 500
            return 200

        caller = FakeCaller(answers=answers)
        assert [body["id"] for body in await sent(database, caller)] == events[:3]
        assert await sent(database, caller) == []
        now.advance(seconds=6)
        assert [body["id"] for body in await sent(database, caller)] == events[2:]
        numbers = [one["number"] for one in await deliveries(admin_client, (await only(admin_client)))]
    assert numbers == list(range(30, 0, -1))


async def only(client: httpx.AsyncClient) -> dict[str, object]:
    [webhook] = (await client.get("/v1/webhooks")).json()["data"]
    found: dict[str, object] = webhook
    return found


async def test_without_order_what_fails_holds_up_nothing(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    await hooked(admin_client, event_types=["ticket.updated"])
    events = [await happen(database, ticket) for _ in range(12)]
    caller = FakeCaller(answers=lambda posted: 500 if json.loads(posted.body)["id"] == events[0] else 200)
    assert sorted(body["id"] for body in await sent(database, caller)) == sorted(events)


async def test_a_test_goes_to_one_webhook_and_into_no_log(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    made = await hooked(admin_client, event_types=["ticket.updated"])
    other = await hooked(admin_client)
    await sent(database, FakeCaller())
    reply = await admin_client.post(f"/v1/webhooks/{made['id']}/test")
    assert (reply.status_code, reply.json()["is_test"]) == (202, True)
    caller = FakeCaller()
    [body] = await sent(database, caller)
    assert (body["type"], body["subject"]["id"]) == ("webhook.test", made["id"])
    Verifier(made["secret"]).verify(caller.posted[0].body, dict(caller.posted[0].headers))
    assert (await admin_client.get(f"/v1/events/{body['id']}")).status_code == 404
    assert "webhook.test" not in {one["event_type"] for one in await deliveries(admin_client, other)}


async def test_a_replay_repeats_ids_and_fills_in_what_was_never_sent(
    admin_client: httpx.AsyncClient, database: Database, ticket: Ticket
) -> None:
    began = clock.now()
    early = await happen(database, ticket)
    await relay(database)
    made = await hooked(admin_client, event_types=["ticket.updated"], is_ordered=True)
    late = await happen(database, ticket)
    caller = FakeCaller()
    await sent(database, caller)
    span = {"from": began.isoformat(), "to": (clock.now() + timedelta(seconds=1)).isoformat()}
    reply = await admin_client.post(f"/v1/webhooks/{made['id']}/replay", json=span)
    assert (reply.status_code, reply.json()) == (202, {"queued": 2})
    assert sorted(body["id"] for body in await sent(database, caller)) == sorted([early, late])
    names = [posted.headers["webhook-id"] for posted in caller.posted if json.loads(posted.body)["id"] == late]
    assert len(names) == 2
    assert len(set(names)) == 1
    empty = {"from": span["to"], "to": span["from"]}
    assert (await admin_client.post(f"/v1/webhooks/{made['id']}/replay", json=empty)).json() == {"queued": 0}


async def test_a_trace_goes_on_to_the_receiver(admin_client: httpx.AsyncClient, database: Database) -> None:
    await hooked(admin_client, event_types=["webhook.updated"])
    made = await hooked(admin_client, event_types=["webhook.created"])
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    await admin_client.patch(f"/v1/webhooks/{made['id']}", json={"description": "x"}, headers=headers)
    caller = FakeCaller()
    await sent(database, caller)
    parents = [
        posted.headers["traceparent"]
        for posted in caller.posted
        if json.loads(posted.body)["type"] == "webhook.updated"
    ]
    assert [parent.split("-")[1] for parent in parents] == [trace]
