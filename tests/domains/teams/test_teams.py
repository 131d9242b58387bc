"""Teams over HTTP: who configures them, and who may be of one."""

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.users.models import User
from tests.factories.records import Make, principal_of
from tests.fixtures.clients import AsUser


def path_of(team: Team) -> str:
    return f"/v1/teams/{public_id('tea', team.id)}"


def member_path(team: Team, user: User) -> str:
    return f"{path_of(team)}/members/{public_id('usr', user.id)}"


class TestTeams:
    async def test_create_read_change_archive(self, admin_client: httpx.AsyncClient) -> None:
        made = await admin_client.post("/v1/teams", json={"name": "Network", "email": "net@example.com"})
        assert (made.status_code, made.json()["auto_assign"], made.json()["archived_at"]) == (201, True, None)
        path = made.headers["location"]
        assert (await admin_client.get(path)).json() == made.json()
        changed = await admin_client.patch(
            path, json={"auto_assign": False, "email": None}, headers={"If-Match": made.headers["etag"]}
        )
        assert (changed.json()["auto_assign"], changed.json()["email"]) == (False, None)
        stale = await admin_client.patch(path, json={"name": "x"}, headers={"If-Match": made.headers["etag"]})
        assert stale.status_code == 412
        archived = await admin_client.post(f"{path}/archive")
        assert archived.json()["archived_at"] is not None
        assert (await admin_client.post(f"{path}/archive")).json() == archived.json()
        for flag, names in ((True, ["Network"]), (False, [])):
            listed = await admin_client.get("/v1/teams", params={"is_archived": flag})
            assert [row["name"] for row in listed.json()["data"]] == names

    async def test_names_are_unique_whatever_the_case(self, admin_client: httpx.AsyncClient, a_team: Make) -> None:
        await a_team(name="Network")
        other = await a_team(name="Desk")
        for reply in (
            await admin_client.post("/v1/teams", json={"name": "NETWORK"}),
            await admin_client.patch(path_of(other), json={"name": "network"}),
        ):
            assert (reply.status_code, reply.json()["code"]) == (409, "team_name_taken")

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"name": ""}, "validation_failed"),
            ({"name": "x", "email": "a..b@example.com"}, "invalid_email"),
            ({"name": "x", "auto_assign": None}, "validation_failed"),
        ],
    )
    async def test_what_does_not_fit(self, admin_client: httpx.AsyncClient, body: dict[str, str], code: str) -> None:
        reply = await admin_client.post("/v1/teams", json=body)
        assert (reply.status_code, reply.json()["code"]) == (422, code)

    async def test_supervisors_change_only_their_own(self, a_user: Make, a_team: Make, as_user: AsUser) -> None:
        mine, other = await a_team(), await a_team()
        client = as_user(await a_user(role=Role.SUPERVISOR, teams=[mine]))
        somebody = await a_user(role=Role.AGENT)
        assert (await client.patch(path_of(mine), json={"description": "Ours"})).status_code == 200
        assert (await client.put(member_path(mine, somebody), json={})).status_code == 204
        for reply in (
            await client.post("/v1/teams", json={"name": "Mine too"}),
            await client.patch(path_of(other), json={"description": "Theirs"}),
            await client.post(f"{path_of(other)}/archive"),
            await client.put(member_path(other, somebody), json={}),
            await client.delete(member_path(other, somebody)),
        ):
            assert (reply.status_code, reply.json()["code"]) == (403, "not_your_team")

    @pytest.mark.parametrize(("role", "reading"), [(Role.REQUESTER, 403), (Role.AGENT, 200)])
    async def test_others_do_not_write(
        self, a_user: Make, a_team: Make, as_user: AsUser, role: Role, reading: int
    ) -> None:
        team = await a_team()
        client = as_user(await a_user(role=role))
        for path in ("/v1/teams", path_of(team), f"{path_of(team)}/members"):
            assert (await client.get(path)).status_code == reading
        for reply in (
            await client.patch(path_of(team), json={"description": "x"}),
            await client.post("/v1/teams", json={"name": "x"}),
        ):
            assert (reply.status_code, reply.json()["required_scope"]) == (403, "teams:write")

    async def test_unknown(self, admin_client: httpx.AsyncClient) -> None:
        nowhere = f"/v1/teams/tea_{'0' * 32}"
        for reply in (
            await admin_client.get(nowhere),
            await admin_client.get(f"{nowhere}/members"),
            await admin_client.patch(nowhere, json={}),
        ):
            assert (reply.status_code, reply.json()["code"]) == (404, "team_not_found")


class TestMembers:
    async def test_joining_leading_and_leaving(
        self, admin_client: httpx.AsyncClient, a_user: Make, a_team: Make, database: Database
    ) -> None:
        team, user = await a_team(), await a_user(role=Role.AGENT, name="Ida")
        assert team.id not in (await principal_of(database, user)).team_ids
        assert (await admin_client.put(member_path(team, user), json={})).status_code == 204
        assert team.id in (await principal_of(database, user)).team_ids
        assert (await admin_client.put(member_path(team, user), json={"is_lead": True})).status_code == 204
        assert (await principal_of(database, user)).led_team_ids == {team.id}
        listed = (await admin_client.get(f"{path_of(team)}/members")).json()
        wanted = {
            "user_id": public_id("usr", user.id),
            "name": "Ida",
            "role": "agent",
            "is_lead": True,
            "is_active": True,
        }
        assert listed["data"] == [wanted]
        assert (await admin_client.delete(member_path(team, user))).status_code == 204
        assert (await principal_of(database, user)).team_ids == frozenset()
        again = await admin_client.delete(member_path(team, user))
        assert (again.status_code, again.json()["code"]) == (404, "member_not_found")

    async def test_only_active_staff(self, admin_client: httpx.AsyncClient, a_user: Make, a_team: Make) -> None:
        team = await a_team()
        for user in (await a_user(), await a_user(role=Role.AGENT, deactivated_at=clock.now())):
            reply = await admin_client.put(member_path(team, user), json={})
            assert (reply.status_code, reply.json()["code"]) == (422, "not_staff")
        reply = await admin_client.put(f"{path_of(team)}/members/usr_{'0' * 32}", json={})
        assert (reply.status_code, reply.json()["code"]) == (422, "not_staff")

    async def test_an_archived_team_takes_nobody(
        self, admin_client: httpx.AsyncClient, a_user: Make, a_team: Make
    ) -> None:
        team, user = await a_team(archived_at=clock.now()), await a_user(role=Role.AGENT)
        reply = await admin_client.put(member_path(team, user), json={})
        assert (reply.status_code, reply.json()["code"]) == (409, "team_archived")
