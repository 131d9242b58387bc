"""Signing in and out, as a person and as whoever tries to be one."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import NoResultFound

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import actions, passwords
from helpdesk_api.domains.authentication.errors import PasswordTooWeak
from helpdesk_api.domains.authentication.models import PasswordLink, RefreshToken, Session, SignInAttempt
from helpdesk_api.domains.teams.models import TeamMember
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.wiring import JOBS
from tests.domains.authentication.conftest import PASSWORD, Desk
from tests.factories.records import make_team
from tests.fixtures.clients import client_of
from tests.fixtures.passwords import CHEAP


async def desk_sign_in(client: httpx.AsyncClient, user: User) -> httpx.Response:
    return await client.post("/v1/sessions", json={"email": user.email, "password": PASSWORD})


class TestSignIn:
    async def test_tokens_and_who_it_is(self, desk: Desk) -> None:
        user = await desk.person(role=Role.AGENT)
        reply = await desk.sign_in(user)
        assert reply.status_code == 201
        assert reply.headers["cache-control"] == "no-store"
        body = reply.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
        me = await desk.bearer(body["access_token"]).get("/v1/me")
        stale = {"If-Match": me.headers["ETag"]}
        for status in (200, 412):
            changed = await desk.bearer(body["access_token"]).patch("/v1/me", json={"location": "Bern"}, headers=stale)
            assert changed.status_code == status
        assert (me.json()["id"], me.json()["role"]) == (f"usr_{user.id.hex}", "agent")
        assert "tickets:admin" not in me.json()["permissions"]

    async def test_wrong_unknown_and_deactivated_look_alike_and_cost_alike(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user, gone = await desk.person(), await desk.person(deactivated_at=clock.now())
        verified = 0
        hasher = type(passwords.RECOMMENDED.hasher)
        original = hasher.verify_and_update

        def counting(self: Any, password: str, stored: str) -> tuple[bool, str | None]:
            nonlocal verified
            verified += 1
            return original(self, password, stored)

        monkeypatch.setattr(hasher, "verify_and_update", counting)
        bodies = [
            {"email": user.email, "password": "not the password"},
            {"email": "nobody@example.test", "password": PASSWORD},
            {"email": gone.email, "password": PASSWORD},
        ]
        replies = [await desk.client.post("/v1/sessions", json=body) for body in bodies]
        assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {(401, "invalid_credentials")}
        assert len({reply.json()["detail"] for reply in replies}) == 1
        assert verified == len(bodies)
        assert all(reply.headers["www-authenticate"].startswith("Bearer") for reply in replies)

    @pytest.mark.parametrize("hashing", [passwords.RECOMMENDED, CHEAP])
    def test_what_is_verified_for_nobody_is_as_dear_as_any_other(self, hashing: passwords.Hashing) -> None:
        # None: the hasher would make it anew with the same parameters.
        assert hashing.hasher.verify_and_update("nobody has this password", hashing.nobody) == (True, None)

    def test_passwords_are_dear_to_guess(self) -> None:
        """RFC 9106 4, the second recommended option: three passes over 64 MiB."""
        made = passwords.RECOMMENDED.hasher.hash("nobody has this password")
        assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        source = Path(passwords.__file__).parents[2]
        callers = [path for path in source.rglob("*.py") if "use_hashing(" in path.read_text(encoding="utf-8")]
        assert callers == [Path(passwords.__file__)]

    async def test_attempts_are_limited_by_account_and_survive_the_refusal(self, desk: Desk) -> None:
        user = await desk.person()
        with clock.frozen(clock.now()) as moment:
            for _ in range(10):
                assert (await desk.sign_in(user, "wrong password")).status_code == 401
            refused = await desk.sign_in(user)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_sign_ins")
            assert int(refused.headers["retry-after"]) in range(1, 302)
            assert (await desk.sign_in(await desk.person())).status_code == 201
            moment.advance(seconds=301)
            assert (await desk.sign_in(user)).status_code == 201

    async def test_a_success_forgives_the_account(self, desk: Desk) -> None:
        user = await desk.person()
        for _ in range(3):
            for _ in range(9):
                await desk.sign_in(user, "wrong password")
            assert (await desk.sign_in(user)).status_code == 201

    async def test_no_idempotency_key_where_a_secret_is_answered(self, desk: Desk) -> None:
        user = await desk.person()
        reply = await desk.client.post(
            "/v1/sessions", json={"email": user.email, "password": PASSWORD}, headers={"Idempotency-Key": "k"}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "idempotency_not_supported")


class TestRefresh:
    async def test_rotates(self, desk: Desk) -> None:
        first = await desk.signed_in(await desk.person())
        reply = await desk.client.post("/v1/sessions/refresh", json={"refresh_token": first["refresh_token"]})
        assert reply.status_code == 200
        second = reply.json()
        assert second["session_id"] == first["session_id"]
        assert second["refresh_token"] != first["refresh_token"]
        assert (await desk.bearer(second["access_token"]).get("/v1/me")).status_code == 200

    async def test_reuse_ends_the_family_for_good(self, desk: Desk) -> None:
        first = await desk.signed_in(await desk.person())
        used = {"refresh_token": first["refresh_token"]}
        second = (await desk.client.post("/v1/sessions/refresh", json=used)).json()
        again = await desk.client.post("/v1/sessions/refresh", json=used)
        assert (again.status_code, again.json()["code"]) == (401, "invalid_refresh_token")
        victim = await desk.client.post("/v1/sessions/refresh", json={"refresh_token": second["refresh_token"]})
        assert victim.status_code == 401
        dead = await desk.bearer(second["access_token"]).get("/v1/me")
        assert (dead.status_code, dead.json()["code"]) == (401, "session_ended")
        async with desk.database.session() as session:
            told = select(EventRow.data).where(EventRow.type == "session.refresh_token_reused")
            assert [data["session_id"] for data in await session.scalars(told)] == [first["session_id"]]

    async def test_many_reuses_at_once_do_not_wait_for_each_others_connections(self, desk: Desk) -> None:
        """Each needs one connection: with two, as many callers as the pool has would hang for ever."""
        database = Database(desk.database.url, pool_size=1)
        app = create_app(desk.app.state.settings, database=database)
        try:
            first = await desk.signed_in(await desk.person())
            used = {"refresh_token": first["refresh_token"]}
            client = client_of(app)
            async with asyncio.timeout(20):
                replies = await asyncio.gather(*[client.post("/v1/sessions/refresh", json=used) for _ in range(6)])
                more = await asyncio.gather(*[desk_sign_in(client, await desk.person()) for _ in range(4)])
        finally:
            await database.dispose()
        assert sorted(reply.status_code for reply in replies) == [200, 401, 401, 401, 401, 401]
        assert {reply.status_code for reply in more} == {201}

    async def test_two_at_once_one_wins_and_the_family_ends(self, desk: Desk) -> None:
        first = await desk.signed_in(await desk.person())
        used = {"refresh_token": first["refresh_token"]}
        replies = await asyncio.gather(*[desk.client.post("/v1/sessions/refresh", json=used) for _ in range(2)])
        assert sorted(reply.status_code for reply in replies) == [200, 401]
        async with desk.database.session() as session:
            assert (await session.scalars(select(Session.ended_at))).one() is not None

    async def test_unknown_and_expired(self, desk: Desk) -> None:
        unknown = await desk.client.post("/v1/sessions/refresh", json={"refresh_token": "hr_" + "x" * 40})
        assert unknown.status_code == 401
        with clock.frozen(clock.now()) as moment:
            first = await desk.signed_in(await desk.person())
            moment.advance(days=30)
            late = await desk.client.post("/v1/sessions/refresh", json={"refresh_token": first["refresh_token"]})
            assert late.status_code == 401

    async def test_tokens_are_stored_hashed(self, desk: Desk) -> None:
        first = await desk.signed_in(await desk.person())
        async with desk.database.session() as session:
            stored = (await session.scalars(select(RefreshToken.token_hash))).all()
        assert first["refresh_token"].encode() not in b"".join(stored)


class TestEnding:
    async def test_signing_out_kills_the_access_token_at_once(self, desk: Desk) -> None:
        user = await desk.person()
        one, two = await desk.signed_in(user), await desk.signed_in(user)
        client = desk.bearer(one["access_token"])
        listed = (await client.get("/v1/sessions")).json()["data"]
        assert {row["id"] for row in listed} == {one["session_id"], two["session_id"]}
        assert [row["id"] for row in listed if row["is_current"]] == [one["session_id"]]
        assert (await client.delete("/v1/sessions/current")).status_code == 204
        assert (await client.get("/v1/me")).json()["code"] == "session_ended"
        assert (await desk.bearer(two["access_token"]).get("/v1/me")).status_code == 200

    async def test_only_ones_own(self, desk: Desk) -> None:
        mine = await desk.signed_in(await desk.person())
        theirs = await desk.signed_in(await desk.person())
        reply = await desk.bearer(mine["access_token"]).delete(f"/v1/sessions/{theirs['session_id']}")
        assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
        admin = await desk.signed_in(await desk.person(role=Role.ADMIN))
        ended = await desk.bearer(admin["access_token"]).delete(f"/v1/sessions/{theirs['session_id']}")
        assert ended.status_code == 204

    async def test_a_deactivated_users_tokens_die_at_once(self, desk: Desk) -> None:
        user, admin = await desk.person(), await desk.person(role=Role.ADMIN)
        token = (await desk.signed_in(user))["access_token"]
        boss = desk.bearer((await desk.signed_in(admin))["access_token"])
        key = await desk.bearer(token).post("/v1/api-keys", json={"name": "mine", "scopes": ["tickets:read"]})
        assert (await boss.post(f"/v1/users/usr_{user.id.hex}/deactivate")).status_code == 200
        keyed = desk.bearer(key.json()["secret"])
        for client, code in ((desk.bearer(token), "account_deactivated"), (keyed, "invalid_token")):
            reply = await client.get("/v1/tickets")
            assert (reply.status_code, reply.json()["code"]) == (401, code)
        await boss.post(f"/v1/users/usr_{user.id.hex}/reactivate")
        assert (await desk.bearer(token).get("/v1/tickets")).json()["code"] == "session_ended"
        assert (await keyed.get("/v1/tickets")).json()["code"] == "invalid_token"
        assert (await boss.get(key.headers["location"])).json()["revoked_at"] is not None

    async def test_an_expired_token(self, desk: Desk) -> None:
        with clock.frozen(clock.now()) as moment:
            token = (await desk.signed_in(await desk.person()))["access_token"]
            client = desk.bearer(token)
            assert (await client.get("/v1/me")).status_code == 200
            moment.advance(minutes=15)
            reply = await client.get("/v1/me")
            assert (reply.status_code, reply.json()["code"]) == (401, "token_expired")

    async def test_changed_teams_and_roles_are_in_force_at_once(self, desk: Desk, own_database: Database) -> None:
        user, admin = await desk.person(role=Role.AGENT), await desk.person(role=Role.ADMIN)
        client = desk.bearer((await desk.signed_in(user))["access_token"])
        boss = desk.bearer((await desk.signed_in(admin))["access_token"])
        team = await make_team(own_database, auto_assign=False)
        new = {"subject": "x", "description": "y", "team_id": f"tea_{team.id.hex}"}
        ticket = (await boss.post("/v1/tickets", json=new)).json()
        path = f"/v1/tickets/{ticket['id']}"
        assert (await client.get(path)).status_code == 404
        member = f"/v1/teams/tea_{team.id.hex}/members/usr_{user.id.hex}"
        assert (await boss.put(member, json={"is_lead": True})).status_code == 204
        assert (await client.get(path)).status_code == 200
        async with own_database.session() as session:
            assert await session.get(TeamMember, (team.id, user.id)) is not None
        assert (await boss.delete(member)).status_code == 204
        assert (await client.get(path)).status_code == 404
        changed = await boss.patch(f"/v1/users/usr_{user.id.hex}", json={"role": "requester"})
        assert changed.status_code == 200
        assert (await client.get("/v1/teams")).json()["required_scope"] == "teams:read"


class TestPasswords:
    async def test_changing_ends_the_other_sessions(self, desk: Desk) -> None:
        user = await desk.person()
        here, there = await desk.signed_in(user), await desk.signed_in(user)
        client = desk.bearer(here["access_token"])
        wrong = await client.post("/v1/me/password", json={"current_password": "no", "new_password": "a fine new one"})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/current_password")
        weak = await client.post("/v1/me/password", json={"current_password": PASSWORD, "new_password": "aaaaaaaaaaaa"})
        assert (weak.status_code, weak.json()["code"]) == (422, "password_too_weak")
        body = {"current_password": PASSWORD, "new_password": "a fine new one"}
        assert (await client.post("/v1/me/password", json=body)).status_code == 204
        assert (await client.get("/v1/me")).status_code == 200
        assert (await desk.bearer(there["access_token"]).get("/v1/me")).status_code == 401
        assert (await desk.sign_in(user, "a fine new one")).status_code == 201

    @pytest.mark.parametrize(
        "taken", ["a fine " * 147, "a fine\0password", b"a fine p\xe4ssword".decode(errors="surrogateescape")]
    )
    def test_what_no_sign_in_would_take_is_refused(self, taken: str) -> None:
        with pytest.raises(PasswordTooWeak, match=r"^Use"):
            passwords.check_strength(taken, pointer="#")

    async def test_reset_answers_the_same_for_everybody(self, desk: Desk) -> None:
        user = await desk.person()
        replies = [
            await desk.client.post("/v1/password-resets", json={"email": email})
            for email in (user.email, "nobody@example.test")
        ]
        assert {(reply.status_code, reply.content) for reply in replies} == {(202, replies[0].content)}
        async with desk.database.session() as session:
            # The work is the same too: a job for each, which alone looks for the account.
            assert await session.scalar(text("SELECT count(*) FROM pgqueuer")) == 2
            assert (await session.scalars(select(PasswordLink))).all() == []
        await run_due(desk.database, JOBS)
        async with desk.database.session() as session:
            assert (await session.scalars(select(PasswordLink.user_id))).all() == [user.id]

    async def test_a_changed_password_ends_links_mailed_before(self, desk: Desk) -> None:
        user = await desk.person()
        for _ in range(2):
            await desk.client.post("/v1/password-resets", json={"email": user.email})
        await run_due(desk.database, JOBS)
        async with desk.database.session() as session:
            links = (await session.scalars(select(PasswordLink.id))).all()
            one, two = [await actions.issue_reset_token(session, link) for link in links]
        body = {"token": one, "password": "another fine password"}
        assert (await desk.client.post("/v1/password-resets/confirm", json=body)).status_code == 204
        other = {"token": two, "password": "what the thief wants"}
        refused = await desk.client.post("/v1/password-resets/confirm", json=other)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_password_token")
        async with desk.database.session() as session:
            with pytest.raises(NoResultFound):
                await actions.issue_reset_token(session, links[0])

    async def test_each_attempt_to_mail_a_link_carries_the_same(self, desk: Desk) -> None:
        user = await desk.person()
        await desk.client.post("/v1/password-resets", json={"email": user.email})
        await run_due(desk.database, JOBS)
        made = []
        for _ in range(2):
            async with desk.database.session() as session:
                link = (await session.scalars(select(PasswordLink))).one()
                made.append(await actions.issue_reset_token(session, link.id))
                assert made[-1].encode() not in (link.token_hash or b"")
        assert made[0] == made[1]

    async def test_programs_have_no_password(self, desk: Desk) -> None:
        program = await desk.person(role=Role.AGENT, kind="service", email="program@example.com")
        assert (await desk.sign_in(program)).status_code == 401
        await desk.client.post("/v1/password-resets", json={"email": "program@example.com"})
        await run_due(desk.database, JOBS)
        async with desk.database.session() as session:
            assert (await session.scalars(select(PasswordLink))).all() == []

    async def test_a_link_is_good_once_and_for_two_hours(self, desk: Desk) -> None:
        user = await desk.person()

        async def a_link() -> str:
            await desk.client.post("/v1/password-resets", json={"email": user.email})
            await run_due(desk.database, JOBS)
            async with desk.database.session() as session:
                newest = select(PasswordLink.id).order_by(PasswordLink.created_at.desc()).limit(1)
                return await actions.issue_reset_token(session, (await session.scalars(newest)).one())

        session_before = await desk.signed_in(user)
        token = await a_link()
        body = {"token": token, "password": "another fine password"}
        assert (await desk.client.post("/v1/password-resets/confirm", json=body)).status_code == 204
        again = await desk.client.post("/v1/password-resets/confirm", json=body)
        assert (again.status_code, again.json()["code"]) == (422, "invalid_password_token")
        assert (await desk.bearer(session_before["access_token"]).get("/v1/me")).status_code == 401
        assert (await desk.sign_in(user, "another fine password")).status_code == 201
        with clock.frozen(clock.now()) as moment:
            late = {"token": await a_link(), "password": "yet another password"}
            moment.at += timedelta(hours=2)
            assert (await desk.client.post("/v1/password-resets/confirm", json=late)).status_code == 422


class TestUpkeep:
    async def test_what_nobody_can_use_any_more_goes(self, desk: Desk) -> None:
        with clock.frozen(clock.now()) as moment:
            user = await desk.person()
            await desk.signed_in(user)
            await desk.sign_in(user, "wrong password")
            moment.advance(days=20)
            kept = await desk.signed_in(user)
            moment.advance(days=12)
            async with desk.database.session() as session:
                await actions.drop_expired(session, {})
            async with desk.database.session() as session:
                alive = (await session.scalars(select(Session.id).where(Session.ended_at.is_(None)))).all()
                assert [f"ses_{one.hex}" for one in alive] == [kept["session_id"]]
                assert len((await session.scalars(select(RefreshToken.token_hash))).all()) == 1
                assert (await session.scalars(select(SignInAttempt.key))).all() == []
            again = {"refresh_token": kept["refresh_token"]}
            assert (await desk.client.post("/v1/sessions/refresh", json=again)).status_code == 200


class TestHotPath:
    async def test_no_statement_for_who_is_calling(self, desk: Desk) -> None:
        user = await desk.person()
        client = desk.bearer((await desk.signed_in(user))["access_token"])
        await client.get("/v1/tickets")
        from helpdesk_api.database.statement_count import StatementCount, statement_count
        from helpdesk_api.domains.authentication.queries import authenticate_token

        token = client.headers["authorization"].removeprefix("Bearer ")
        counted = StatementCount()
        statement_count.set(counted)
        assert (await authenticate_token(token, desk.database)).user_id == user.id
        assert counted.value == 0

    async def test_anonymous_and_rubbish_are_401_with_a_challenge(self, desk: Desk) -> None:
        for headers, code in (
            ({}, "missing_credentials"),
            ({"Authorization": "Basic eDp5"}, "missing_credentials"),
            ({"Authorization": "Bearer rubbish"}, "invalid_token"),
            ({"Authorization": "Bearer hk_live_" + "x" * 43}, "invalid_token"),
        ):
            reply = await desk.client.get("/v1/me", headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (401, code)
            assert reply.headers["www-authenticate"].startswith("Bearer")

    async def test_a_user_is_loaded_with_the_database_default(self, desk: Desk) -> None:
        user = await desk.person()
        async with desk.database.session() as session:
            stored = await session.get_one(User, user.id)
            assert (stored.time_zone, stored.locale) == ("UTC", "en")
