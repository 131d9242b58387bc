"""Links: two names for one row, shown to who sees both ends, and nothing that leads in circles."""

import asyncio
from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.relations import actions
from helpdesk_api.domains.relations.enums import LinkKind, Relation
from helpdesk_api.domains.relations.errors import LinkCycle
from helpdesk_api.domains.relations.models import TicketLink
from helpdesk_api.domains.relations.rules import kind_from, stored_as
from helpdesk_api.domains.relations.schemas import LinkCreate
from tests.factories.records import Make, make_ticket, make_user, principal_of
from tests.fixtures.clients import AsUser

INVERSE = {
    "duplicates": "duplicated_by",
    "blocks": "blocked_by",
    "caused_by": "causes",
    "relates_to": "relates_to",
    "parent_of": "child_of",
}
BOTH_WAYS = [*INVERSE.items(), *((back, forth) for forth, back in INVERSE.items() if forth != back)]


def tkt(ticket: Any) -> str:
    return public_id("tkt", ticket.id)


async def link(client: httpx.AsyncClient, one: Any, kind: str, other: Any) -> httpx.Response:
    return await client.post(f"/v1/tickets/{tkt(one)}/links", json={"kind": kind, "ticket_id": tkt(other)})


async def links(client: httpx.AsyncClient, ticket: Any) -> list[tuple[str, str]]:
    reply = await client.get(f"/v1/tickets/{tkt(ticket)}/links")
    assert reply.status_code == 200, reply.text
    return [(row["kind"], row["ticket"]["id"]) for row in reply.json()["data"]]


def test_every_kind_has_two_names() -> None:
    for kind in LinkKind:
        relation, is_inverse = stored_as(kind)
        assert kind_from(relation, is_inverse=is_inverse) is kind
    assert {kind_from(one, is_inverse=side) for one in Relation for side in (False, True)} == set(LinkKind)


class TestLinking:
    @pytest.mark.parametrize(("kind", "inverse"), BOTH_WAYS)
    async def test_one_row_is_shown_from_both_sides(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database, kind: str, inverse: str
    ) -> None:
        one, other = await a_ticket(), await a_ticket(subject="The other")
        made = await link(agent_client, one, kind, other)
        assert (made.status_code, made.json()["kind"]) == (201, kind)
        assert made.json()["ticket"] == {
            "id": tkt(other),
            "reference": other.reference,
            "subject": "The other",
            "status": "open",
        }
        assert await links(agent_client, one) == [(kind, tkt(other))]
        assert await links(agent_client, other) == [(inverse, tkt(one))]
        async with database.reads() as reads:
            assert await reads.fetch_value(select(func.count()).select_from(TicketLink)) == 1

    async def test_by_reference_and_many_in_pages(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        one, others = await a_ticket(), [await a_ticket() for _ in range(3)]
        for other in others:
            made = await agent_client.post(
                f"/v1/tickets/{one.reference}/links", json={"kind": "relates_to", "ticket_id": other.reference}
            )
            assert made.headers["location"] == f"/v1/tickets/{tkt(one)}/links"
        path, seen = f"/v1/tickets/{one.reference}/links?limit=2", []
        first = await agent_client.get(f"{path}&include_total=true")
        assert first.json()["total"] == 3
        seen += first.json()["data"]
        rest = await agent_client.get(f"{path}&cursor={first.json()['next_cursor']}")
        seen += rest.json()["data"]
        assert [row["ticket"]["id"] for row in seen] == [tkt(other) for other in others]

    async def test_removed_from_either_side_once(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        one, other, third = await a_ticket(), await a_ticket(), await a_ticket()
        made = (await link(agent_client, one, "blocks", other)).json()["id"]
        foreign = await agent_client.delete(f"/v1/tickets/{tkt(third)}/links/{made}")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "link_not_found")
        path = f"/v1/tickets/{tkt(other)}/links/{made}"
        assert (await agent_client.delete(path)).status_code == 204
        again = await agent_client.delete(path)
        assert (again.status_code, again.json()["code"]) == (404, "link_not_found")
        assert await links(agent_client, one) == await links(agent_client, other) == []

    async def test_both_histories_tell_it_to_the_staff_alone(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester = await a_user()
        one, other = await a_ticket(by=requester), await a_ticket(by=requester)
        path = f"/v1/tickets/{tkt(one)}"
        etag = (await as_user(requester).get(path)).headers["etag"]
        made = (await link(agent_client, one, "caused_by", other)).json()["id"]
        await agent_client.delete(f"{path}/links/{made}")
        for ticket, far, kind in ((one, other, "caused_by"), (other, one, "causes")):
            told = (await agent_client.get(f"/v1/tickets/{tkt(ticket)}/history")).json()["data"]
            told = [row for row in told if row["type"] in ("ticket.linked", "ticket.unlinked")]
            assert [row["type"] for row in told] == ["ticket.linked", "ticket.unlinked"]
            for row in told:
                details = {detail["name"]: detail["value"] for detail in row["internal_details"]}
                assert (details["kind"], details["linked_id"]) == (kind, tkt(far))
        heard = (await as_user(requester).get(f"{path}/history")).json()["data"]
        assert not [row for row in heard if "link" in row["type"]]
        assert (await as_user(requester).get(path)).headers["etag"] == etag

    async def test_include_is_one_statement_and_one_record_a_link(
        self, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        one, other = await a_ticket(), await a_ticket()
        made = (await link(agent_client, one, "blocks", other)).json()["id"]
        detail = (await agent_client.get(f"/v1/tickets/{tkt(other)}?include=links")).json()
        assert detail["included"]["links"][made] == {
            "id": made,
            "kind": "blocked_by",
            "of": {"id": tkt(other), "reference": other.reference},
            "ticket": {"id": tkt(one), "reference": one.reference, "subject": one.subject, "status": "open"},
        }
        page = (await agent_client.get("/v1/tickets?include=links")).json()
        assert page["included"]["links"][made]["kind"] == "blocks"


class TestRefusals:
    async def test_to_itself_twice_and_to_nothing(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        one, other = await a_ticket(), await a_ticket()
        reply = await link(agent_client, one, "relates_to", one)
        assert (reply.status_code, reply.json()["code"]) == (422, "link_to_itself")
        by_reference = await agent_client.post(
            f"/v1/tickets/{one.reference}/links", json={"kind": "blocks", "ticket_id": tkt(one)}
        )
        assert by_reference.json()["code"] == "link_to_itself"
        assert (await link(agent_client, one, "relates_to", other)).status_code == 201
        for start, end in ((one, other), (other, one)):
            reply = await link(agent_client, start, "relates_to", end)
            assert (reply.status_code, reply.json()["code"]) == (409, "link_exists")
        assert (await link(agent_client, one, "blocks", other)).status_code == 201
        reply = await link(agent_client, other, "blocked_by", one)
        assert (reply.status_code, reply.json()["code"]) == (409, "link_exists")
        absent = await agent_client.post(
            f"/v1/tickets/{tkt(one)}/links", json={"kind": "blocks", "ticket_id": "tkt_" + "f" * 32}
        )
        assert (absent.status_code, absent.json()["code"]) == (422, "unknown_reference")
        assert absent.json()["errors"][0]["pointer"] == "#/ticket_id"

    @pytest.mark.parametrize("kind", ["blocks", "parent_of", "duplicates", "caused_by"])
    @pytest.mark.parametrize("between", [0, 1, 2])
    async def test_no_circle_of_any_length(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, kind: str, between: int
    ) -> None:
        chain = [await a_ticket() for _ in range(between + 2)]
        for one, other in pairwise(chain):
            assert (await link(agent_client, one, kind, other)).status_code == 201
        for start, word, end in ((chain[-1], kind, chain[0]), (chain[0], INVERSE[kind], chain[-1])):
            reply = await link(agent_client, start, word, end)
            assert (reply.status_code, reply.json()["code"]) == (409, "link_cycle")

    async def test_many_ways_to_one_are_no_circle(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        top, left, right, bottom = [await a_ticket() for _ in range(4)]
        for one, other in ((top, left), (top, right), (left, bottom), (right, bottom)):
            assert (await link(agent_client, one, "blocks", other)).status_code == 201

    async def test_one_parent(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        child, parent, other = await a_ticket(), await a_ticket(), await a_ticket()
        assert (await link(agent_client, child, "child_of", parent)).status_code == 201
        reply = await link(agent_client, other, "parent_of", child)
        assert (reply.status_code, reply.json()["code"]) == (409, "parent_exists")

    async def test_five_levels_counted_from_both_families(
        self, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        upper, lower = [await a_ticket() for _ in range(3)], [await a_ticket() for _ in range(3)]
        for family in (upper, lower):
            for one, other in pairwise(family):
                assert (await link(agent_client, one, "parent_of", other)).status_code == 201
        reply = await link(agent_client, upper[-1], "parent_of", lower[0])
        assert (reply.status_code, reply.json()["code"]) == (409, "family_too_deep")
        assert (await link(agent_client, upper[1], "parent_of", lower[0])).status_code == 201

    async def test_a_hundred_children(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(actions, "MAX_CHILDREN", 2)
        parent, children = await a_ticket(), [await a_ticket() for _ in range(3)]
        answers = [(await link(agent_client, parent, "parent_of", child)).json().get("code") for child in children]
        assert answers == [None, None, "too_many_children"]


class TestVisibility:
    async def test_a_requester_sees_links_between_their_own_and_writes_none(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester = await a_user()
        mine, also_mine, foreign = await a_ticket(by=requester), await a_ticket(by=requester), await a_ticket()
        await link(agent_client, mine, "relates_to", also_mine)
        hidden = (await link(agent_client, mine, "blocks", foreign)).json()["id"]
        me = as_user(requester)
        assert await links(me, mine) == [("relates_to", tkt(also_mine))]
        for path in (f"/v1/tickets/{tkt(mine)}?include=links", "/v1/tickets?include=links"):
            shown = (await me.get(path)).json()["included"]["links"]
            assert [label["ticket"]["id"] for label in shown.values()] == [tkt(also_mine)]
        refused = [
            await link(me, mine, "blocks", also_mine),
            await link(me, mine, "blocks", foreign),
            await me.delete(f"/v1/tickets/{tkt(mine)}/links/{hidden}"),
        ]
        assert {(reply.status_code, reply.json()["code"]) for reply in refused} == {(403, "action_forbidden")}

    async def test_another_teams_ticket_is_as_absent(
        self, a_user: Make, a_team: Make, as_user: AsUser, admin_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        team, other_team = await a_team(auto_assign=False), await a_team(auto_assign=False)
        agent = as_user(await a_user(role=Role.AGENT, teams=[team]))
        mine, hidden = await a_ticket(team_id=team.id), await a_ticket(team_id=other_team.id)
        reply = await link(agent, mine, "blocks", hidden)
        assert (reply.status_code, reply.json()["code"]) == (422, "unknown_reference")
        made = (await link(admin_client, mine, "blocks", hidden)).json()["id"]
        assert await links(agent, mine) == []
        removed = await agent.delete(f"/v1/tickets/{tkt(mine)}/links/{made}")
        assert (removed.status_code, removed.json()["code"]) == (404, "link_not_found")
        assert await links(admin_client, hidden) == [("blocked_by", tkt(mine))]

    async def test_a_link_that_repeats_its_key_is_one(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        one, other = await a_ticket(), await a_ticket()
        sent: dict[str, Any] = {
            "json": {"kind": "blocks", "ticket_id": tkt(other)},
            "headers": {"Idempotency-Key": "link-1"},
        }
        first, again = [await agent_client.post(f"/v1/tickets/{tkt(one)}/links", **sent) for _ in range(2)]
        assert first.content == again.content
        assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("kind", [LinkKind.BLOCKS, LinkKind.PARENT_OF])
async def test_several_at_once_close_no_circle(own_database: Database, kind: LinkKind) -> None:
    """Each sees three open ends of a ring of four; no pair of them shares a ticket with all the others."""
    caller = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))
    ring = [await make_ticket(own_database) for _ in range(4)]
    together = asyncio.Barrier(len(ring))

    async def close(place: int) -> str:
        body = LinkCreate(kind=kind, ticket_id=tkt(ring[(place + 1) % len(ring)]))
        try:
            async with own_database.session() as session:
                await session.execute(select(1))
                await together.wait()
                await actions.link_tickets(session, caller, tkt(ring[place]), body)
        except LinkCycle:
            return "cycle"
        return "linked"

    outcomes = await asyncio.gather(*[close(place) for place in range(len(ring))])
    assert sorted(outcomes) == ["cycle", "linked", "linked", "linked"]
    async with own_database.reads() as reads:
        assert await reads.fetch_value(select(func.count()).select_from(TicketLink)) == 3


async def test_both_directions_at_once_do_not_wait_for_each_other(own_database: Database) -> None:
    caller = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))
    one, other = await make_ticket(own_database), await make_ticket(own_database)
    together = asyncio.Barrier(2)

    async def relate(start: Any, end: Any, kind: LinkKind) -> None:
        async with own_database.session() as session:
            await session.execute(select(1))
            await together.wait()
            await actions.link_tickets(session, caller, tkt(start), LinkCreate(kind=kind, ticket_id=tkt(end)))

    await asyncio.gather(relate(one, other, LinkKind.CAUSED_BY), relate(other, one, LinkKind.RELATES_TO))
    async with own_database.reads() as reads:
        assert await reads.fetch_value(select(func.count()).select_from(TicketLink)) == 2
