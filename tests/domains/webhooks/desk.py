"""What the tests of webhooks share."""

import json
from typing import Any

import httpx

from helpdesk_api import wiring
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks import actions
from helpdesk_api.domains.webhooks.delivery import deliver_due
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.domains.webhooks.schemas import WebhookCreate
from helpdesk_api.integrations.http.fake import FakeCaller
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.factories.records import principal_of

URL = "https://hooks.example.com/helpdesk"


async def relay(database: Database) -> None:
    while await Relay(database, wiring.REACTIONS, followers=wiring.FOLLOWERS).relay_batch():
        pass


async def happen(database: Database, ticket: Ticket, *, visibility: Visibility = Visibility.PUBLIC) -> str:
    event = events.TicketUpdated(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=visibility,
        changes={"subject": ("before", "after")},
        internal_data={"note": "for the staff"},
        ticket=ticket,
    )
    async with database.session() as session:
        return public_id("evt", (await record(session, Principal.system(), event)).id)


async def hooked(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    reply = await client.post("/v1/webhooks", json={"url": URL, **values})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def sent(database: Database, caller: FakeCaller) -> list[dict[str, Any]]:
    """Relay and deliver everything that is due; the bodies that arrived, in order."""
    await relay(database)
    before = len(caller.posted)
    await deliver_due(database, caller)
    return [json.loads(posted.body) for posted in caller.posted[before:]]


async def deliveries(client: httpx.AsyncClient, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    reply = await client.get(f"/v1/webhooks/{webhook['id']}/deliveries?{query}")
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


async def webhook_of(database: Database, owner: User, **values: Any) -> Webhook:
    body = WebhookCreate(**{"url": URL, "event_types": ["ticket.updated"], **values})
    async with database.session() as session:
        return (await actions.create_webhook(session, await principal_of(database, owner), body))[0]
