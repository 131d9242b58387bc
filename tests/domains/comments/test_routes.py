"""Talking on a ticket: what is said to whom, and what it does to the ticket."""

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from tests.factories.records import Make
from tests.fixtures.clients import AsUser
from tests.platform.test_markdown import FAR

NEW = {"subject": "VPN drops", "description": "It drops."}
FIX = {"resolution_code": "fixed", "resolution_text": "Done."}


async def opened(client: httpx.AsyncClient, **fields: object) -> str:
    reply = await client.post("/v1/tickets", json={**NEW, **fields})
    assert reply.status_code == 201, reply.text
    return f"/v1/tickets/{reply.json()['id']}"


async def said(client: httpx.AsyncClient, path: str, **body: object) -> httpx.Response:
    return await client.post(f"{path}/comments", json={"body": "Hello", **body})


class TestText:
    @pytest.mark.parametrize(
        ("markdown", "html"),
        [
            ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>\n"),
            ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
            ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>\n"),
            ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
            ("[x](https://e.test)", '<p><a href="https://e.test" rel="noopener noreferrer nofollow">x</a></p>\n'),
        ],
    )
    async def test_markdown_in_safe_html_out(
        self, requester_client: httpx.AsyncClient, markdown: str, html: str
    ) -> None:
        reply = await said(requester_client, await opened(requester_client), body=markdown)
        assert (reply.json()["body"], reply.json()["body_html"]) == (markdown, html)

    async def test_what_becomes_too_long_is_refused(self, requester_client: httpx.AsyncClient) -> None:
        path = await opened(requester_client)
        comment = await said(requester_client, path)
        for reply, pointer in (
            (await said(requester_client, path, body=FAR), "#/body"),
            (await requester_client.patch(comment.headers["location"], json={"body": FAR}), "#/body"),
            (await requester_client.post("/v1/tickets", json={**NEW, "description": FAR}), "#/description"),
            (await requester_client.patch(path, json={"description": FAR}), "#/description"),
        ):
            assert (reply.status_code, reply.json()["code"]) == (422, "too_long_as_html")
            assert reply.json()["errors"][0]["pointer"] == pointer

    async def test_empty_and_too_long(self, requester_client: httpx.AsyncClient) -> None:
        path = await opened(requester_client)
        for body in ("", "   ", "x" * 65_537, "a\x00b"):
            reply = await said(requester_client, path, body=body)
            assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "#/body")


class TestEditing:
    async def test_inside_the_window_and_the_earlier_text_is_kept(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, settings: Settings
    ) -> None:
        with clock.frozen(clock.now()) as moment:
            path = await opened(requester_client)
            made = await said(requester_client, path, body="Frist")
            comment = made.headers["location"]
            assert made.json()["editable_until"] is not None
            moment.advance(seconds=settings.comment_edit_window_seconds)
            edited = await requester_client.patch(
                comment, json={"body": "First"}, headers={"If-Match": made.headers["etag"]}
            )
            assert (edited.status_code, edited.json()["body"]) == (200, "First")
            stale = await requester_client.patch(
                comment, json={"body": "Other"}, headers={"If-Match": made.headers["etag"]}
            )
            assert stale.status_code == 412
            held = {"If-None-Match": edited.headers["etag"]}
            assert (await requester_client.get(comment, headers=held)).status_code == 304
            moment.advance(seconds=1)
            # It says now that its author cannot edit it any more.
            assert (await requester_client.get(comment, headers=held)).json()["editable_until"] is None
            late = await requester_client.patch(comment, json={"body": "Late"})
            assert (late.status_code, late.json()["code"]) == (409, "edit_window_passed")
        revisions = await agent_client.get(f"{comment}/revisions")
        assert [(row["version"], row["body"]) for row in revisions.json()["data"]] == [(1, "Frist")]
        assert (await requester_client.get(f"{comment}/revisions")).status_code == 403

    async def test_by_its_author_alone(
        self, requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
    ) -> None:
        comment = (await said(requester_client, await opened(requester_client))).headers["location"]
        reply = await admin_client.patch(comment, json={"body": "x"})
        assert (reply.status_code, reply.json()["code"]) == (403, "not_the_author")


class TestMentions:
    async def test_become_watchers_and_gain_no_sight(
        self, a_user: Make, a_team: Make, as_user: AsUser, requester_client: httpx.AsyncClient
    ) -> None:
        admin = as_user(await a_user(role=Role.ADMIN))
        colleague, stranger = await a_user(role=Role.AGENT), await a_user()
        path = await opened(requester_client)
        mention = {"visibility": "internal", "mention_ids": [f"usr_{colleague.id.hex}"]}
        made = await said(admin, path, **mention)
        assert (made.status_code, made.json()["mention_ids"]) == (201, mention["mention_ids"])
        watchers = (await admin.get(f"{path}/watchers")).json()["data"]
        assert [row["user_id"] for row in watchers] == mention["mention_ids"]
        refused = await said(admin, path, mention_ids=[f"usr_{colleague.id.hex}", f"usr_{stranger.id.hex}"])
        assert (refused.status_code, refused.json()["code"]) == (422, "mention_cannot_read")
        assert refused.json()["errors"][0]["pointer"] == "#/mention_ids/1"
        assert (await as_user(stranger).get(path)).status_code == 404

    async def test_the_requester_cannot_be_named_in_a_note(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient
    ) -> None:
        requester = await a_user()
        path = await opened(as_user(requester))
        named = [f"usr_{requester.id.hex}"]
        assert (await said(agent_client, path, visibility="internal", mention_ids=named)).status_code == 422
        assert (await said(agent_client, path, mention_ids=named)).status_code == 201


class TestStatus:
    async def test_a_reply_resumes_what_waits(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        path = await opened(requester_client)
        await agent_client.post(f"{path}/pend", json={"reason": "requester"})
        await said(agent_client, path)
        assert (await agent_client.get(path)).json()["status"] == "pending"
        await said(requester_client, path)
        ticket = (await agent_client.get(path)).json()
        assert (ticket["status"], ticket["pending_reason"]) == ("in_progress", None)
        history = (await agent_client.get(f"{path}/history")).json()["data"]
        resumed = next(event for event in history if event["type"] == "ticket.resumed")
        reply = [event for event in history if event["type"] == "comment.created"][-1]
        assert resumed["cause"]["event_id"] == reply["id"]

    async def test_a_reply_reopens_inside_the_window_and_follows_up_after_it(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        with clock.frozen(clock.now()) as moment:
            path = await opened(requester_client)
            await agent_client.post(f"{path}/resolve", json=FIX)
            moment.advance(days=7)
            assert (await said(requester_client, path)).json()["follow_up"] is None
            assert (await agent_client.get(path)).json()["status"] == "open"
            await agent_client.post(f"{path}/resolve", json=FIX)
            moment.advance(days=7, seconds=1)
            late = (await said(requester_client, path, body="Once more")).json()
            assert late["follow_up"]["follow_up_of_id"] == path.rpartition("/")[2]
            assert (await agent_client.get(path)).json()["status"] == "resolved"

    async def test_a_closed_ticket_is_followed_up(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        path = await opened(requester_client)
        await agent_client.post(f"{path}/resolve", json=FIX)
        await requester_client.post(f"{path}/confirm", json={})
        before = (await requester_client.get(path)).headers["etag"]
        reply = await said(requester_client, path, body="It is back")
        assert reply.status_code == 201
        follow_up = reply.json()["follow_up"]
        assert (follow_up["status"], follow_up["public_comment_count"]) == ("open", 1)
        assert reply.json()["ticket_id"] == follow_up["id"]
        assert (await requester_client.get(reply.headers["location"])).json()["body"] == "It is back"
        assert (await requester_client.get(path)).headers["etag"] == before

    async def test_a_follow_up_does_without_what_was_taken_out_of_use(
        self, requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
    ) -> None:
        form = await admin_client.post(
            "/v1/forms",
            json={"name": "Leave", "fields": [{"key": "days", "kind": "text", "label": "Days"}]},
        )
        assert form.status_code == 201, form.text
        team = (await admin_client.post("/v1/teams", json={"name": "Payroll"})).json()["id"]
        fields = {"name": "Payroll", "team_id": team, "default_form_id": form.json()["id"]}
        category = (await admin_client.post("/v1/categories", json=fields)).json()["id"]
        path = await opened(requester_client, category_id=category, custom_fields={"days": "3"})
        await requester_client.post(f"{path}/cancel", json={"reason": "Found it."})
        for gone in (
            f"/v1/forms/{form.json()['id']}/archive",
            f"/v1/teams/{team}/archive",
            f"/v1/categories/{category}/retire",
        ):
            kept = await said(requester_client, path)
            assert kept.json()["follow_up"]["category_id"] == category
            assert (await admin_client.post(gone)).is_success, gone
        reply = await said(requester_client, path)
        assert reply.status_code == 201, reply.text
        follow_up = reply.json()["follow_up"]
        assert (follow_up["category_id"], follow_up["team_id"]) == (None, None)

    async def test_a_follow_up_names_nobody_who_could_not_read_it(
        self, a_user: Make, a_team: Make, as_user: AsUser, requester_client: httpx.AsyncClient
    ) -> None:
        agent, elsewhere = as_user(await a_user(role=Role.AGENT)), await a_user(role=Role.AGENT)
        team = await a_team(auto_assign=False)
        category = await as_user(await a_user(role=Role.ADMIN)).post(
            "/v1/categories", json={"name": "Payroll", "team_id": f"tea_{team.id.hex}"}
        )
        path = await opened(requester_client, category_id=category.json()["id"])
        await requester_client.post(f"{path}/cancel", json={"reason": "Found it."})
        refused = await said(requester_client, path, mention_ids=[f"usr_{elsewhere.id.hex}"])
        assert (refused.status_code, refused.json()["code"]) == (422, "mention_cannot_read")
        assert (await agent.get("/v1/tickets")).json()["data"] == []

    async def test_staff_who_do_not_work_on_it_follow_up_as_anybody(
        self, a_user: Make, a_team: Make, as_user: AsUser, requester_client: httpx.AsyncClient
    ) -> None:
        team, person, handed_in_by = await a_team(auto_assign=False), await a_user(), await a_user(role=Role.AGENT)
        admin, clerk = as_user(await a_user(role=Role.ADMIN)), as_user(handed_in_by)
        path = await opened(clerk, requester_id=f"usr_{person.id.hex}", channel="phone", team_id=f"tea_{team.id.hex}")
        await admin.post(f"{path}/cancel", json={"reason": "Twice."})
        reply = await said(clerk, path, body="It is back")
        assert reply.status_code == 201, reply.text
        assert reply.json()["follow_up"]["follow_up_of_id"] == path.rpartition("/")[2]

    async def test_who_sees_the_follow_up_alone_is_not_led_to_the_old_one(
        self,
        requester_client: httpx.AsyncClient,
        agent_client: httpx.AsyncClient,
        a_user: Make,
        a_team: Make,
        as_user: AsUser,
    ) -> None:
        path, helper = await opened(requester_client), await a_user()
        clerk = await a_user(role=Role.AGENT, teams=[await a_team(auto_assign=False)])
        await requester_client.post(f"{path}/cancel", json={"reason": "Found it."})
        later = f"/v1/tickets/{(await said(requester_client, path)).json()['follow_up']['id']}"
        old = path.rpartition("/")[2]
        await requester_client.put(f"{later}/participants/usr_{helper.id.hex}")
        for client, shown in ((requester_client, old), (agent_client, old), (as_user(helper), None)):
            assert (await client.get(later)).json()["follow_up_of_id"] == shown
            listed = (await client.get("/v1/tickets")).json()["data"]
            assert [one["follow_up_of_id"] for one in listed if one["url"] == later] == [shown]
        assert old in (await agent_client.get(f"{later}/history")).text
        for told in (f"{later}/history", "/v1/events"):
            assert old not in (await as_user(helper).get(told)).text
        assert (await as_user(clerk).get(later)).json()["follow_up_of_id"] == old

    async def test_pages_hold_still_while_others_write(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        path = await opened(requester_client)
        for number in range(4):
            await said(requester_client, path, body=f"{number}")
        seen: list[str] = []
        page = (await agent_client.get(f"{path}/comments?sort=-created_at&limit=2")).json()
        while True:
            seen += [comment["body"] for comment in page["data"]]
            if page["next_cursor"] is None:
                break
            await said(agent_client, path, body="newer")
            cursor = page["next_cursor"]
            page = (await agent_client.get(f"{path}/comments?sort=-created_at&limit=2&cursor={cursor}")).json()
        assert seen == ["3", "2", "1", "0"]


class TestWholePage:
    async def test_the_ticket_comes_along_as_its_own_reader_sees_it(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        path = await opened(requester_client)
        await said(requester_client, path)
        await said(agent_client, path, visibility="internal")
        for client, count in ((requester_client, 1), (agent_client, 2)):
            # Clocks are shown as they stand.
            with clock.frozen(clock.now()):
                page = (await client.get(f"{path}/comments", params={"include": "requester,sla"})).json()
                alone = await client.get(path, params={"include": "requester,sla"})
            assert len(page["data"]) == count
            assert (page["ticket"], page["ticket_etag"]) == (alone.json(), alone.headers["etag"])
        plain = (await agent_client.get(f"{path}/comments", params={"with_ticket": True})).json()
        assert (plain["ticket"]["included"], plain["ticket"]["id"]) == (None, path.rpartition("/")[2])
        without = (await agent_client.get(f"{path}/comments")).json()
        assert (without["ticket"], without["ticket_etag"]) == (None, None)
