"""Users over HTTP: who sees whom, who may change what, and what a change of a right must not leave behind."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, or_, select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.prefixes import begins_with
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.models import PasswordLink
from helpdesk_api.domains.teams.models import TeamMember
from helpdesk_api.domains.users import policy
from helpdesk_api.domains.users.models import User
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from tests.factories.records import Make, make_user, principal_of
from tests.fixtures.clients import AsUser, client_of, test_authenticator

I_WITH_DOT, SIGMA = "\u0130", "\u03a3"
NEW = {"name": "Mara Lindqvist", "email": "mara@example.com"}


def path_of(user: User) -> str:
    return f"/v1/users/{public_id('usr', user.id)}"


async def events_about(database: Database, user_id: Any) -> list[EventRow]:
    async with database.session() as session:
        found = select(EventRow).where(EventRow.subject_id == user_id).order_by(EventRow.position)
        return list((await session.scalars(found)).all())


class TestCreate:
    async def test_with_defaults_and_an_invitation(self, admin_client: httpx.AsyncClient, database: Database) -> None:
        reply = await admin_client.post("/v1/users", json=NEW)
        assert reply.status_code == 201
        body = reply.json()
        assert reply.headers["location"] == f"/v1/users/{body['id']}"
        assert (body["role"], body["time_zone"], body["locale"], body["is_active"]) == ("requester", "UTC", "en", True)
        again = await admin_client.get(reply.headers["location"])
        assert again.json() == body
        assert again.headers["etag"] == reply.headers["etag"]
        async with database.session() as session:
            user = (await session.scalars(select(User).where(User.email == NEW["email"]))).one()
            assert await session.scalar(select(PasswordLink.kind).where(PasswordLink.user_id == user.id)) is not None
        types = [(row.type, row.visibility.value) for row in await events_about(database, user.id)]
        assert sorted(types) == [("user.created", "internal"), ("user.invited", "internal")]

    @pytest.mark.parametrize(
        ("change", "status", "code", "pointer"),
        [
            ({"email": "nobody"}, 422, "validation_failed", "#/email"),
            ({"email": "a..b@example.com"}, 422, "invalid_email", "#/email"),
            ({"time_zone": "Europe/Atlantis"}, 422, "unknown_time_zone", "#/time_zone"),
            ({"time_zone": "localtime"}, 422, "unknown_time_zone", "#/time_zone"),
            ({"locale": "English!"}, 422, "validation_failed", "#/locale"),
            ({"role": "owner"}, 422, "validation_failed", "#/role"),
            ({"manager_id": f"usr_{'0' * 32}"}, 422, "unknown_reference", "#/manager_id"),
            ({"organization_id": f"org_{'0' * 32}"}, 422, "unknown_reference", "#/organization_id"),
            ({"organization_id": f"tea_{'0' * 32}"}, 422, "validation_failed", "#/organization_id"),
            ({"name": "nul\x00"}, 422, "validation_failed", "#/name"),
            ({"nmae": "x"}, 422, "validation_failed", "#/nmae"),
            ({"external_id": "7"}, 422, "external_pair_incomplete", "#/external_id"),
        ],
    )
    async def test_what_does_not_fit(
        self,
        admin_client: httpx.AsyncClient,
        database: Database,
        change: dict[str, str],
        status: int,
        code: str,
        pointer: str,
    ) -> None:
        reply = await admin_client.post("/v1/users", json={**NEW, **change})
        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert pointer in [error["pointer"] for error in reply.json()["errors"]]
        async with database.session() as session:
            assert await session.scalar(select(func.count()).where(User.email == NEW["email"])) == 0

    async def test_an_address_is_taken_whatever_its_case(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        await a_user(email="Mara@Example.com")
        reply = await admin_client.post("/v1/users", json=NEW)
        assert (reply.status_code, reply.json()["code"]) == (409, "email_taken")
        assert reply.json()["errors"][0]["pointer"] == "#/email"

    async def test_an_external_id_is_taken_within_its_source(self, admin_client: httpx.AsyncClient) -> None:
        first = {**NEW, "external_source": "ldap", "external_id": "7"}
        assert (await admin_client.post("/v1/users", json=first)).status_code == 201
        second = {**first, "email": "other@example.com"}
        reply = await admin_client.post("/v1/users", json=second)
        assert (reply.status_code, reply.json()["code"]) == (409, "user_external_id_taken")
        elsewhere = {**second, "external_source": "hr"}
        assert (await admin_client.post("/v1/users", json=elsewhere)).status_code == 201
        listed = await admin_client.get("/v1/users", params={"external_source": "hr", "external_id": "7"})
        assert [row["email"] for row in listed.json()["data"]] == ["other@example.com"]

    async def test_an_address_inside_the_company_is_one(self, admin_client: httpx.AsyncClient) -> None:
        reply = await admin_client.post("/v1/users", json={**NEW, "email": "mara@Corp.Local"})
        assert (reply.status_code, reply.json()["email"]) == (201, "mara@corp.local")

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.AGENT, Role.SUPERVISOR])
    async def test_only_administrators(self, a_user: Make, as_user: AsUser, role: Role) -> None:
        reply = await as_user(await a_user(role=role)).post("/v1/users", json=NEW)
        assert (reply.status_code, reply.json()["required_scope"]) == (403, "users:write")


class TestSight:
    async def test_requesters_find_only_themselves(self, a_user: Make, as_user: AsUser) -> None:
        me, other = await a_user(), await a_user()
        client = as_user(me)
        assert (await client.get(path_of(me))).status_code == 200
        reply = await client.get(path_of(other))
        assert (reply.status_code, reply.json()["code"]) == (404, "user_not_found")
        listed = await client.get("/v1/users", params={"include_total": True})
        assert [row["id"] for row in listed.json()["data"]] == [public_id("usr", me.id)]
        assert listed.json()["total"] == 1

    async def test_scope_and_predicate_agree(self, database: Database, a_user: Make) -> None:
        people = [await a_user(role=role) for role in Role]
        async with database.session() as session:
            for caller in people:
                principal = await principal_of(database, caller)
                listed = set((await session.scalars(select(User.id).where(policy.readable(principal)))).all())
                assert listed & {user.id for user in people} == {
                    user.id for user in people if policy.may_read(principal, user)
                }

    async def test_anonymous(self, client: httpx.AsyncClient) -> None:
        for method, path in (("GET", "/v1/users"), ("POST", "/v1/users"), ("GET", f"/v1/users/usr_{'0' * 32}")):
            assert (await client.request(method, path)).status_code == 401


class TestList:
    async def test_filters(self, agent_client: httpx.AsyncClient, a_user: Make, an_organization: Make) -> None:
        organization = await an_organization()
        await a_user(name="Mara 100%", email="ml@example.com", organization_id=organization.id)
        await a_user(name="Mara 1000", role=Role.SUPERVISOR)
        await a_user(name="Marius", deactivated_at=clock.now())
        cases: list[tuple[dict[str, str | bool], list[str]]] = [
            ({"q": "MARA 100%"}, ["Mara 100%"]),
            ({"q": "ML@"}, ["Mara 100%"]),
            ({"q": "mara", "role": "supervisor,admin"}, ["Mara 1000"]),
            ({"q": "mar", "is_active": False}, ["Marius"]),
            ({"organization_id": public_id("org", organization.id)}, ["Mara 100%"]),
            ({"q": "mar", "sort": "-name"}, ["Marius", "Mara 1000", "Mara 100%"]),
        ]
        for params, wanted in cases:
            reply = await agent_client.get("/v1/users", params=params)
            assert [row["name"] for row in reply.json()["data"]] == wanted, params

    async def test_letters_that_python_makes_small_in_another_way(
        self, agent_client: httpx.AsyncClient, a_user: Make, an_organization: Make
    ) -> None:
        for name in (f"{I_WITH_DOT}lke", f"NIKO{SIGMA}"):
            user = await a_user(name=name, email=f"{name}@example.com")
            organization = await an_organization(name=name)
            for q in (name, f"{name}@exa"):
                reply = await agent_client.get("/v1/users", params={"q": q})
                assert [row["id"] for row in reply.json()["data"]] == [public_id("usr", user.id)], q
            reply = await agent_client.get("/v1/organizations", params={"q": name})
            assert [row["id"] for row in reply.json()["data"]] == [public_id("org", organization.id)]
            reply = await agent_client.get("/v1/search", params={"q": f"{name}@exa", "types": "user"})
            assert [row["id"] for row in reply.json()["data"]] == [public_id("usr", user.id)]

    async def test_an_index_answers_the_beginning_of_a_name(self, database: Database) -> None:
        read = CompiledStatement(
            select(User.id).where(or_(begins_with(User.name, "Mara"), begins_with(User.email, "mara@")))
        )
        async with database.session() as session:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            connection: Any = await (await session.connection()).get_raw_connection()
            rows = await connection.driver_connection.fetch(f"EXPLAIN {read.sql}", *read.arguments({}))
        plan = "".join(row[0] for row in rows)
        for index, bounds in (("ix_users_lower_name", "'mara'"), ("uq_users_email", "'mara@'")):
            assert index in plan
            assert f">= {bounds}" in plan

    async def test_pages_neither_repeat_nor_hide(self, agent_client: httpx.AsyncClient, a_user: Make) -> None:
        for number in range(5):
            await a_user(name=f"Pager {number // 2}")
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await agent_client.get("/v1/users", params={"q": "pager", "limit": 2, **cursor})).json()
            seen += [row["id"] for row in page["data"]]
            if len(seen) == 2:
                await a_user(name="Pager 0")
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert len(seen) == len(set(seen))
        assert len(seen) in {5, 6}

    async def test_a_foreign_cursor_an_unknown_sort_and_filter(
        self, agent_client: httpx.AsyncClient, a_user: Make
    ) -> None:
        await a_user()
        page = (await agent_client.get("/v1/users", params={"limit": 1})).json()
        other = await agent_client.get("/v1/users", params={"limit": 1, "sort": "-name", "cursor": page["next_cursor"]})
        assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")
        assert (await agent_client.get("/v1/users", params={"sort": "password_hash"})).status_code == 422
        assert (await agent_client.get("/v1/users", params={"nmae": "x"})).json()["code"] == "unknown_parameter"


class TestUpdate:
    async def test_merge_patch(self, admin_client: httpx.AsyncClient, a_user: Make, database: Database) -> None:
        user = await a_user(phone="+49 30 1", department="Sales")
        reply = await admin_client.patch(path_of(user), json={"phone": None, "department": "Finance"})
        assert reply.status_code == 200
        assert (reply.json()["phone"], reply.json()["department"]) == (None, "Finance")
        rows = await events_about(database, user.id)
        assert [row.changes for row in rows] == [{"phone": ["+49 30 1", None], "department": ["Sales", "Finance"]}]
        same = await admin_client.patch(path_of(user), json={"department": "Finance"})
        assert same.headers["etag"] == reply.headers["etag"]
        assert (await admin_client.patch(path_of(user), json={})).headers["etag"] == reply.headers["etag"]
        assert len(await events_about(database, user.id)) == 1

    async def test_a_service_account_gets_no_address(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        account = path_of(await a_user(role=Role.AGENT, kind="service", email=None))
        reply = await admin_client.patch(account, json={"email": "program@example.com"})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_email")
        assert reply.json()["errors"][0]["pointer"] == "#/email"
        assert (await admin_client.patch(account, json={"department": "IT"})).json()["email"] is None

    async def test_null_where_a_value_is_needed(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        user = await a_user()
        for name in ("name", "email", "role", "time_zone", "locale", "sees_organization"):
            reply = await admin_client.patch(path_of(user), json={name: None})
            assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, f"#/{name}")

    async def test_if_match(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        path = path_of(await a_user())
        read = (await admin_client.get(path)).headers["etag"]
        first = await admin_client.patch(path, json={"phone": "123"}, headers={"If-Match": read})
        assert first.status_code == 200
        second = await admin_client.patch(path, json={"phone": "456"}, headers={"If-Match": read})
        assert second.status_code == 412
        assert first.headers["etag"].startswith(second.json()["params"]["current_etag"][:-1])
        assert (await admin_client.get(path, headers={"If-None-Match": first.headers["etag"]})).status_code == 304

    async def test_half_of_an_external_pair(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        user = await a_user(external_source="ldap", external_id="1")
        reply = await admin_client.patch(path_of(user), json={"external_id": None})
        assert (reply.status_code, reply.json()["code"]) == (422, "external_pair_incomplete")
        both = await admin_client.patch(path_of(user), json={"external_id": None, "external_source": None})
        assert both.status_code == 200

    async def test_ones_own_manager(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        boss = await a_user()
        user = await a_user(manager_id=boss.id)
        for who, manager in ((user, user), (boss, user)):
            reply = await admin_client.patch(path_of(who), json={"manager_id": public_id("usr", manager.id)})
            assert (reply.status_code, reply.json()["code"]) == (422, "manager_cycle")

    async def test_who_leaves_the_staff_leaves_the_teams(
        self, admin_client: httpx.AsyncClient, a_user: Make, a_team: Make, database: Database
    ) -> None:
        team = await a_team()
        user = await a_user(role=Role.AGENT, teams=[team])
        assert (await admin_client.patch(path_of(user), json={"role": "supervisor"})).status_code == 200
        async with database.session() as session:
            assert await session.get(TeamMember, (team.id, user.id)) is not None
        assert (await admin_client.patch(path_of(user), json={"role": "requester"})).status_code == 200
        async with database.session() as session:
            assert await session.get(TeamMember, (team.id, user.id)) is None
        assert (await principal_of(database, user)).team_ids == frozenset()
        left = [row.type for row in await events_about(database, team.id)]
        assert left == ["team.member_removed"]


class TestDeactivation:
    async def test_twice_is_as_once_and_back(
        self, admin_client: httpx.AsyncClient, a_user: Make, database: Database
    ) -> None:
        user = await a_user(role=Role.AGENT)
        first = await admin_client.post(f"{path_of(user)}/deactivate")
        assert (first.status_code, first.json()["is_active"]) == (200, False)
        second = await admin_client.post(f"{path_of(user)}/deactivate")
        assert second.json() == first.json()
        back = await admin_client.post(f"{path_of(user)}/reactivate")
        assert (back.json()["is_active"], back.json()["deactivated_at"]) == (True, None)
        types = [row.type for row in await events_about(database, user.id)]
        assert types == ["user.deactivated", "user.reactivated"]

    async def test_the_last_administrator_stays(self, a_user: Make, as_user: AsUser) -> None:
        only = await a_user(role=Role.ADMIN)
        await a_user(role=Role.ADMIN, deactivated_at=clock.now())
        await a_user(role=Role.ADMIN, kind="service", email=None)
        client = as_user(only)
        for reply in (
            await client.post(f"{path_of(only)}/deactivate"),
            await client.patch(path_of(only), json={"role": "agent"}),
        ):
            assert (reply.status_code, reply.json()["code"]) == (409, "last_admin")
        second = await a_user(role=Role.ADMIN)
        assert (await as_user(second).post(f"{path_of(only)}/deactivate")).status_code == 200

    async def test_two_administrators_who_remove_each_other(self, own_database: Database, settings: Any) -> None:
        one, two = [await make_user(own_database, role=Role.ADMIN) for _ in range(2)]
        app: FastAPI = create_app(settings, database=own_database)
        app.state.authenticator = test_authenticator
        replies = await asyncio.gather(
            client_of(app, f"test-{one.id.hex}").post(f"{path_of(two)}/deactivate"),
            client_of(app, f"test-{two.id.hex}").patch(path_of(one), json={"role": "agent"}),
        )
        assert min(reply.status_code for reply in replies) == 200
        assert {reply.status_code for reply in replies} <= {200, 401, 403, 409}
        async with own_database.session() as session:
            left = select(func.count()).where(User.role == Role.ADMIN, User.deactivated_at.is_(None))
            assert await session.scalar(left) == 1

    async def test_unknown(self, admin_client: httpx.AsyncClient) -> None:
        for act in ("deactivate", "reactivate"):
            reply = await admin_client.post(f"/v1/users/usr_{'0' * 32}/{act}")
            assert (reply.status_code, reply.json()["code"]) == (404, "user_not_found")
