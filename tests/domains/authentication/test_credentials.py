"""API keys, service accounts, the OAuth token endpoint, and key rotation."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from helpdesk_api import doctor
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.secret_box import WrongSecretKey
from helpdesk_api.database import clock
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.authentication import actions, key_use, keys, tokens
from helpdesk_api.domains.authentication.errors import InvalidToken
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.authentication.models import ApiKey, SigningKey
from helpdesk_api.domains.authentication.queries import authenticate_token
from tests.domains.authentication.conftest import PASSWORD, Desk
from tests.fixtures.secret_keys import OTHER_SECRET, another_secret_key


class TestApiKeys:
    async def test_shown_once_scoped_and_revocable(self, desk: Desk) -> None:
        user = await desk.person(role=Role.AGENT)
        client = desk.bearer((await desk.signed_in(user))["access_token"])
        made = await client.post("/v1/api-keys", json={"name": "report", "scopes": ["tickets:read"]})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        secret = made.json()["secret"]
        assert secret.startswith("hk_live_")
        path = made.headers["location"]
        assert "secret" not in (await client.get(path)).json()
        keyed = desk.bearer(secret)
        assert (await keyed.get("/v1/tickets")).status_code == 200
        refused = await keyed.post("/v1/tickets", json={"subject": "x", "description": "y"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "tickets:write")
        await key_use.settled()
        assert (await client.get(path)).json()["last_used_at"] is not None
        assert (await client.delete(path)).status_code == 204
        again = await client.delete(path)
        assert (again.status_code, again.json()["code"]) == (404, "api_key_not_found")
        assert (await client.get(path)).json()["revoked_at"] is not None
        assert (await keyed.get("/v1/tickets")).status_code == 401
        async with desk.database.session() as session:
            stored = (await session.scalars(select(ApiKey.key_hash))).one()
        assert secret.encode() not in stored

    async def test_never_more_than_the_owner(self, desk: Desk) -> None:
        client = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
        reply = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read", "users:write"]})
        assert (reply.status_code, reply.json()["code"]) == (422, "scope_not_held")
        assert reply.json()["errors"][0]["pointer"] == "#/scopes/1"

    async def test_a_key_shrinks_with_its_owner(self, desk: Desk) -> None:
        user, admin = await desk.person(role=Role.ADMIN), await desk.person(role=Role.ADMIN)
        client = desk.bearer((await desk.signed_in(user))["access_token"])
        boss = desk.bearer((await desk.signed_in(admin))["access_token"])
        made = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["teams:read"]})
        keyed = desk.bearer(made.json()["secret"])
        assert (await keyed.get("/v1/teams")).status_code == 200
        await boss.patch(f"/v1/users/usr_{user.id.hex}", json={"role": "requester"})
        assert (await keyed.get("/v1/teams")).status_code == 403

    async def test_expires(self, desk: Desk) -> None:
        with clock.frozen(clock.now()) as moment:
            client = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
            soon = (moment.at + timedelta(minutes=5)).isoformat()
            made = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"], "expires_at": soon})
            keyed = desk.bearer(made.json()["secret"])
            assert (await keyed.get("/v1/tickets")).status_code == 200
            moment.advance(minutes=5)
            assert (await keyed.get("/v1/tickets")).status_code == 401
        past = await desk.bearer((await desk.signed_in(await desk.person()))["access_token"]).post(
            "/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"], "expires_at": "2020-01-01T00:00:00Z"}
        )
        assert (past.status_code, past.json()["code"]) == (422, "expiry_in_past")

    async def test_not_anothers(self, desk: Desk) -> None:
        mine = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
        theirs = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
        made = await mine.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"]})
        path = made.headers["location"]
        assert (await theirs.get(path)).status_code == 404
        assert (await theirs.delete(path)).status_code == 404
        assert (await theirs.get("/v1/api-keys")).json()["data"] == []

    async def test_a_limited_key_does_not_manage_the_account(self, desk: Desk) -> None:
        user, other = await desk.person(role=Role.ADMIN), await desk.person()
        theirs = await desk.signed_in(other)
        client = desk.bearer((await desk.signed_in(user))["access_token"])
        made = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read", "api_keys:write"]})
        keyed = desk.bearer(made.json()["secret"])
        assert (await keyed.get("/v1/me")).json()["permissions"] == ["api_keys:write", "tickets:read"]
        password = {"current_password": PASSWORD, "new_password": "a fine new password"}
        for reply in (
            await keyed.get("/v1/sessions", params={"user_id": f"usr_{other.id.hex}"}),
            await keyed.delete(f"/v1/sessions/{theirs['session_id']}"),
            await keyed.patch("/v1/me", json={"phone": "123"}),
            await keyed.post("/v1/me/password", json=password),
        ):
            assert (reply.status_code, reply.json()["code"]) == (403, "limited_credential")
        strangers = await desk.bearer(theirs["access_token"]).post(
            "/v1/api-keys", json={"name": "y", "scopes": ["tickets:read"]}
        )
        # The role alone does not open others' keys to a key that may not manage users.
        assert (await keyed.get(strangers.headers["location"])).status_code == 404
        assert (await client.get(strangers.headers["location"])).status_code == 200
        assert len((await keyed.get("/v1/api-keys")).json()["data"]) == 1

    async def test_no_statement_while_warm_and_made_up_keys_are_not_kept(self, desk: Desk) -> None:
        client = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
        made = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"]})
        secret = made.json()["secret"]
        await authenticate_token(secret, desk.database)
        await key_use.settled()
        counted = StatementCount()
        statement_count.set(counted)
        await authenticate_token(secret, desk.database)
        assert counted.value == 0
        for attempt in (1, 2):
            with pytest.raises(InvalidToken):
                await authenticate_token("hk_live_" + "y" * 43, desk.database)
            assert counted.value == attempt


class TestServiceAccounts:
    async def test_a_limited_key_lends_nobody_more_than_it_has(self, desk: Desk) -> None:
        client = desk.bearer((await desk.signed_in(await desk.person(role=Role.ADMIN)))["access_token"])
        wide = {"name": "Wide", "role": "admin", "scopes": ["tickets:read", "operations:write"]}
        account = (await client.post("/v1/service-accounts", json=wide)).json()
        key = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["users:write", "tickets:read"]})
        keyed = desk.bearer(key.json()["secret"])
        made = await keyed.post("/v1/service-accounts", json={**wide, "name": "Mine"})
        assert (made.status_code, made.json()["errors"][0]["pointer"]) == (422, "#/scopes/1")
        taken = await keyed.post(f"/v1/service-accounts/{account['id']}/secret")
        assert (taken.status_code, taken.json()["required_scope"]) == (403, "operations:write")
        narrow = {**wide, "scopes": ["tickets:read"]}
        assert (await keyed.post("/v1/service-accounts", json=narrow)).status_code == 201

    async def test_client_credentials(self, desk: Desk) -> None:
        admin = desk.bearer((await desk.signed_in(await desk.person(role=Role.ADMIN)))["access_token"])
        body = {"name": "Monitoring", "role": "agent", "scopes": ["tickets:read", "tickets:write"]}
        made = (await admin.post("/v1/service-accounts", json=body)).json()
        form = {
            "grant_type": "client_credentials",
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
            "scope": "tickets:read",
        }
        post = await desk.client.post("/v1/oauth/token", data=form)
        assert (post.status_code, post.json()["scope"]) == (200, "tickets:read")
        assert (post.headers["cache-control"], post.headers["pragma"]) == ("no-store", "no-cache")
        basic = await desk.client.post(
            "/v1/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(made["client_id"], made["client_secret"]),
        )
        assert basic.json()["scope"] == "tickets:read tickets:write"
        reader = desk.bearer(post.json()["access_token"])
        assert (await reader.get("/v1/tickets")).status_code == 200
        assert (await reader.post("/v1/tickets", json={"subject": "x", "description": "y"})).status_code == 403
        writer = desk.bearer(basic.json()["access_token"])
        opened = await writer.post("/v1/tickets", json={"subject": "x", "description": "y"})
        assert opened.json()["requester_id"] == made["id"]

    async def test_errors_are_the_rfcs(self, desk: Desk) -> None:
        admin = desk.bearer((await desk.signed_in(await desk.person(role=Role.ADMIN)))["access_token"])
        body = {"name": "Monitoring", "role": "agent", "scopes": ["tickets:read"]}
        made = (await admin.post("/v1/service-accounts", json=body)).json()
        good = {
            "grant_type": "client_credentials",
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
        }
        for change, status, error in (
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
            ({"grant_type": ""}, 400, "invalid_request"),
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_id": "nobody"}, 401, "invalid_client"),
            ({"scope": "tickets:admin"}, 400, "invalid_scope"),
            ({"scope": ["tickets:read", "tickets:read"]}, 400, "invalid_request"),
            ({"audience": ["a", "b"]}, 400, "invalid_request"),
            ({"grant_type": "x" * 101}, 400, "unsupported_grant_type"),
            ({"grant_type": "a grant\n"}, 400, "unsupported_grant_type"),
            ({"client_id": "x" * 101}, 401, "invalid_client"),
            ({"client_id": "no\0body"}, 401, "invalid_client"),
            ({"client_secret": "é" * 201}, 401, "invalid_client"),
            ({"scope": "tickets:read " * 100}, 400, "invalid_scope"),
            ({"scope": "tickets:read\ttickets:read"}, 400, "invalid_scope"),
        ):
            reply = await desk.client.post("/v1/oauth/token", data={**good, **change})
            assert (reply.status_code, reply.json()["error"]) == (status, error)
            assert (reply.headers["cache-control"], reply.headers["pragma"]) == ("no-store", "no-cache")
        both = await desk.client.post("/v1/oauth/token", data=good, auth=(made["client_id"], made["client_secret"]))
        assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
        broken = {"Authorization": "Basic !"}
        grant = {"grant_type": "client_credentials"}
        unread = await desk.client.post("/v1/oauth/token", data=grant, headers=broken)
        assert (unread.status_code, unread.headers["www-authenticate"]) == (401, "Basic")
        renewed = await admin.post(f"/v1/service-accounts/{made['id']}/secret")
        assert renewed.status_code == 200
        assert (await desk.client.post("/v1/oauth/token", data=good)).status_code == 401
        again = {**good, "client_secret": renewed.json()["client_secret"]}
        assert (await desk.client.post("/v1/oauth/token", data=again)).status_code == 200
        too_much = {"name": "x", "role": "requester", "scopes": ["users:write"]}
        assert (await admin.post("/v1/service-accounts", json=too_much)).json()["code"] == "scope_not_held"


class TestKeys:
    async def test_two_live_keys_during_a_rotation(self, desk: Desk) -> None:
        user = await desk.person()
        before = await desk.signed_in(user)
        assert len((await desk.client.get("/.well-known/jwks.json")).json()["keys"]) == 1
        async with desk.database.session() as session:
            await actions.rotate_signing_key(session)
        after = await desk.signed_in(user)
        keys = (await desk.client.get("/.well-known/jwks.json")).json()["keys"]
        assert len({key["kid"] for key in keys}) == 2
        assert all("d" not in key for key in keys)
        for token in (before, after):
            assert (await desk.bearer(token["access_token"]).get("/v1/me")).status_code == 200
        with clock.frozen(clock.now()) as moment:
            moment.advance(hours=3)
            late = await desk.signed_in(user)
            assert (await desk.bearer(late["access_token"]).get("/v1/me")).status_code == 200

    async def test_a_retired_key_stops_in_a_process_that_kept_it(self, desk: Desk) -> None:
        with clock.frozen(clock.now()) as moment:
            token = (await desk.signed_in(await desk.person()))["access_token"]
            async with desk.database.session() as session:
                await actions.rotate_signing_key(session)
            in_force = await key_set(desk.database)
            (old,) = [key for key in in_force.verifying.values() if key.verifies_until is not None]
            assert tokens.verify(token, in_force.verifying_at(moment.at))
            moment.advance(hours=2)
            assert await key_set(desk.database) is in_force
            assert old.id not in in_force.verifying_at(moment.at)
            with pytest.raises(InvalidToken):
                tokens.verify(token, in_force.verifying_at(moment.at))
            assert len((await desk.client.get("/.well-known/jwks.json")).json()["keys"]) == 1

    async def test_with_another_secret_a_new_key_signs_and_with_the_right_one_the_old_still_does(
        self, desk: Desk
    ) -> None:
        user = await desk.person()
        before = await desk.signed_in(user)
        old = (await key_set(desk.database)).signing_id
        with another_secret_key():
            settings = desk.app.state.settings.model_copy(update={"secret_key": SecretStr(OTHER_SECRET)})
            (told,) = [one for one in await doctor._sealed(settings, desk.database) if not one.is_good]
            assert told.text.startswith("signing keys: 1 cannot be opened")
            async with desk.database.session() as session:
                with pytest.raises(WrongSecretKey, match="nothing was changed"):
                    await actions.rotate_signing_key(session)
            made = await asyncio.gather(*[key_set(desk.database) for _ in range(3)])
            (new,) = {one.signing_id for one in made}
            assert new != old
            after = await desk.signed_in(user)
            for token, status in ((before, 401), (after, 200)):
                assert (await desk.bearer(token["access_token"]).get("/v1/me")).status_code == status
        assert (await key_set(desk.database)).signing_id == old
        assert (await desk.bearer(before["access_token"]).get("/v1/me")).status_code == 200
        async with desk.database.session() as session:
            await actions.rotate_signing_key(session)
            assert await keys.count_closed(session) == 0

    async def test_private_keys_are_sealed(self, desk: Desk) -> None:
        await desk.signed_in(await desk.person())
        async with desk.database.session() as session:
            stored = (await session.scalars(select(SigningKey.sealed_private_key))).one()
        assert "PRIVATE" not in stored
