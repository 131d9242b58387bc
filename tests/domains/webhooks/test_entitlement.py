"""What the owner may not read is never delivered, whoever the owner is and whatever happened meanwhile."""

import json
from collections.abc import Sequence

import httpx
import pytest
from sqlalchemy import delete, select

from helpdesk_api.authorization.grants import CACHE
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.session import Database
from helpdesk_api.domains.teams.models import TeamMember
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks.enums import DeliveryState
from helpdesk_api.domains.webhooks.models import WebhookDelivery
from helpdesk_api.integrations.http.fake import FakeCaller
from helpdesk_api.outbox.events import Visibility
from tests.domains.webhooks.desk import deliveries, happen, hooked, relay, sent
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

OWNERS = ("requester", "colleague", "stranger", "agent of the team", "agent of another team", "supervisor", "admin")


async def people(a_user: Make, a_team: Make, an_organization: Make) -> dict[str, User]:
    team, other, firm = await a_team(), await a_team(), await an_organization()
    return {
        "requester": await a_user(organization_id=firm.id),
        "colleague": await a_user(organization_id=firm.id, sees_organization=True),
        "stranger": await a_user(),
        "agent of the team": await a_user(role=Role.AGENT, teams=[team]),
        "agent of another team": await a_user(role=Role.AGENT, teams=[other]),
        "supervisor": await a_user(role=Role.SUPERVISOR, teams=[team]),
        "admin": await a_user(role=Role.ADMIN),
    }


async def in_team(database: Database, ticket: Ticket, member: User) -> None:
    """The ticket becomes the business of the member's team alone."""
    async with database.session() as session:
        held = await session.get_one(Ticket, ticket.id)
        held.team_id = await session.scalar(select(TeamMember.team_id).where(TeamMember.user_id == member.id))
        held.assignee_id = None


@pytest.mark.parametrize("payload", ["full", "thin"])
async def test_each_owner_gets_exactly_what_the_log_would_show_them(
    a_user: Make,
    a_team: Make,
    an_organization: Make,
    a_ticket: Make,
    as_user: AsUser,
    database: Database,
    payload: str,
) -> None:
    owners = await people(a_user, a_team, an_organization)
    ticket = await a_ticket(by=owners["requester"])
    await in_team(database, ticket, owners["agent of the team"])
    await relay(database)
    for name, owner in owners.items():
        await hooked(as_user(owner), url=f"https://hooks.example.com/{name.replace(' ', '-')}", payload=payload)
    await relay(database)
    await sent(database, FakeCaller())
    public = await happen(database, ticket)
    hidden = await happen(database, ticket, visibility=Visibility.INTERNAL)
    author = as_user(owners["agent of the team"])
    reply = await author.post(
        f"/v1/tickets/tkt_{ticket.id.hex}/comments",
        json={"body": "Between us: the boss did it.", "visibility": "internal"},
    )
    assert reply.status_code == 201, reply.text
    caller = FakeCaller()
    await sent(database, caller)
    for name, owner in owners.items():
        mine = [posted for posted in caller.posted if posted.url.endswith("/" + name.replace(" ", "-"))]
        got = {json.loads(posted.body)["id"] for posted in mine}
        log = (await as_user(owner).get("/v1/events?limit=200")).json()["data"]
        entitled = {event["id"]: event for event in log}
        assert got <= set(entitled), name
        assert (public in got, hidden in got) == (public in entitled, hidden in entitled), name
        works_on = name in {"agent of the team", "supervisor", "admin"}
        assert (hidden in got) is works_on, name
        text = b"".join(posted.body for posted in mine)
        if not works_on:
            assert b"for the staff" not in text, name
            assert b"comment.created" not in text, name
        if payload == "full":
            assert all(json.loads(posted.body) == entitled[json.loads(posted.body)["id"]] for posted in mine), name


async def test_a_right_that_is_lost_before_the_delivery_withholds_it(
    a_user: Make, a_team: Make, a_ticket: Make, as_user: AsUser, database: Database
) -> None:
    team = await a_team()
    agent = await a_user(role=Role.AGENT, teams=[team])
    ticket = await a_ticket()
    await in_team(database, ticket, agent)
    await relay(database)
    client = as_user(agent)
    made = await hooked(client, event_types=["ticket.updated"])
    await happen(database, ticket)
    await relay(database)
    assert len(await deliveries(client, made)) == 1
    async with database.session() as session:
        await session.execute(delete(TeamMember).where(TeamMember.user_id == agent.id))
        await invalidate(session, CACHE, agent.id.hex)
    caller = FakeCaller()
    assert await sent(database, caller) == []
    assert caller.posted == []
    assert await states(database) == [DeliveryState.WITHHELD]
    assert await deliveries(client, made) == []
    async with database.session() as session:
        hidden = await session.scalar(select(WebhookDelivery.id))
    assert hidden is not None
    path = f"/v1/webhooks/{made['id']}/deliveries/whd_{hidden.hex}"
    assert (await client.get(path)).json()["code"] == "webhook_delivery_not_found"
    assert (await client.post(f"{path}/redeliver")).json()["code"] == "webhook_delivery_not_found"


async def states(database: Database) -> Sequence[DeliveryState]:
    async with database.session() as session:
        return list(await session.scalars(select(WebhookDelivery.state)))


async def test_requesters_are_told_no_numbers_and_get_no_gaps_to_count(
    a_user: Make, a_ticket: Make, as_user: AsUser, database: Database
) -> None:
    requester = await a_user()
    ticket = await a_ticket(by=requester)
    client = as_user(requester)
    made = await hooked(client)
    await relay(database)
    await happen(database, ticket, visibility=Visibility.INTERNAL)
    shown = await happen(database, ticket)
    await sent(database, FakeCaller())
    found = await deliveries(client, made)
    assert [(one["event_id"], one["number"]) for one in found if one["event_type"] == "ticket.updated"] == [
        (shown, None)
    ]


async def test_who_is_deactivated_gets_nothing_more(
    a_user: Make, a_ticket: Make, as_user: AsUser, admin_client: httpx.AsyncClient, database: Database
) -> None:
    agent = await a_user(role=Role.AGENT)
    ticket = await a_ticket()
    await relay(database)
    await hooked(as_user(agent), event_types=["ticket.updated"])
    await happen(database, ticket)
    await relay(database)
    reply = await admin_client.post(f"/v1/users/usr_{agent.id.hex}/deactivate")
    assert reply.status_code == 200, reply.text
    await happen(database, ticket)
    assert await sent(database, FakeCaller()) == []
    assert await states(database) == [DeliveryState.PENDING]
