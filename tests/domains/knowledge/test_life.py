"""An article from the draft to the archive: who does what, and what readers see meanwhile."""

import itertools
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge.actions import create_article
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleRefusal, ArticleStatus
from helpdesk_api.domains.knowledge.lifecycle import publish_scheduled, tell_reviews
from helpdesk_api.domains.knowledge.queries import lock_article
from helpdesk_api.domains.knowledge.rules import TRANSITIONS, Standing, refusal
from helpdesk_api.domains.knowledge.schemas import ArticleCreate
from helpdesk_api.outbox.models import EventRow
from tests.domains.knowledge.conftest import BODY, Editors, at, done
from tests.factories.records import Make, make_user, principal_of

NOW = datetime(2026, 10, 24, 8, 0, tzinfo=UTC)


def allowed(article: dict[str, Any]) -> set[str]:
    return {one["action"] for one in article["allowed_actions"] if one["allowed"]}


async def test_from_draft_to_archive_and_back(editors: Editors) -> None:
    article = await editors.draft(tags=["vpn", "home", "vpn"], summary="From home")
    assert (article["status"], article["tags"], article["number"]) == ("draft", ["vpn", "home"], 1)
    assert article["body_html"] == "<p>Open <strong>Company VPN</strong>.</p>\n"
    assert allowed(article) == {"update", "submit", "archive"}
    for stranger in (editors.rita, editors.ben):
        assert (await stranger.get(at(article))).json()["code"] == "article_not_found"
        assert (await stranger.post(at(article, "/submit"), json={})).status_code in {403, 404}
    submitted = await done(editors.anna, article, "submit")
    assert submitted["status"] == "in_review"
    early = await editors.anna.post(at(article, "/approve"), json={})
    assert (early.status_code, early.json()["code"]) == (403, "article_action_forbidden")
    returned = await done(editors.olga, article, "reject", reason="Which client?")
    assert returned["status"] == "draft"
    await done(editors.anna, article, "submit")
    approved = await done(editors.olga, article, "approve")
    assert (approved["status"], approved["published_number"]) == ("published", 1)
    seen = (await editors.rita.get(at(article))).json()
    assert (seen["status"], seen["latest_number"], seen["owner_id"]) == ("published", None, None)
    assert allowed(seen) == set()
    again = await editors.olga.post(at(article, "/approve"), json={})
    assert (again.status_code, again.json()["code"]) == (409, "article_transition_not_allowed")
    await done(editors.anna, article, "archive")
    assert (await editors.rita.get(at(article))).status_code == 404
    assert (await editors.ben.get(at(article))).status_code == 404
    restored = await done(editors.anna, article, "restore")
    assert (restored["status"], restored["published_number"]) == ("draft", None)
    assert (await editors.rita.get(at(article))).status_code == 404


async def test_a_change_waits_in_draft_while_readers_keep_what_was_published(editors: Editors) -> None:
    article = await editors.published()
    read = await editors.rita.get(at(article))
    changed = await editors.anna.patch(at(article), json={"body": "Open *Other VPN*."})
    assert changed.status_code == 200, changed.text
    body = changed.json()
    assert (body["status"], body["number"], body["latest_number"], body["published_number"]) == ("draft", 2, 2, 1)
    for reader in (editors.rita, editors.ben, editors.anna):
        assert (await reader.get(at(article))).json()["body"] == BODY["body"]
    held = {"If-None-Match": read.headers["etag"]}
    assert (await editors.rita.get(at(article), headers=held)).status_code == 304
    assert (await editors.anna.get(at(article), params={"is_draft": "true"})).json()["body"] == "Open *Other VPN*."
    for stranger in (editors.rita, editors.ben):
        assert (await stranger.get(at(article), params={"is_draft": "true"})).status_code == 404
    await done(editors.olga, article, "publish")
    fresh = await editors.rita.get(at(article), headers=held)
    assert (fresh.status_code, fresh.json()["body"], fresh.json()["number"]) == (200, "Open *Other VPN*.", 2)


async def test_an_approved_text_that_changes_is_not_approved(editors: Editors) -> None:
    article = await editors.draft()
    await done(editors.anna, article, "submit")
    with clock.frozen(NOW):
        planned = await done(editors.olga, article, "approve", publish_at="2026-10-25T08:00:00Z")
    assert (planned["status"], planned["publish_at"]) == ("in_review", "2026-10-25T08:00:00Z")
    changed = (await editors.anna.patch(at(article), json={"title": "Other"})).json()
    assert (changed["status"], changed["publish_at"]) == ("draft", None)


@pytest.mark.parametrize(
    "wider", [{"audience": "public"}, {"audience": "requesters", "category_id": None}, {"language": "de"}]
)
async def test_what_was_approved_for_some_is_not_published_to_others(
    editors: Editors, database: Database, wider: dict[str, Any]
) -> None:
    with clock.frozen(NOW) as moment:
        article = await editors.draft(audience="agents")
        await done(editors.anna, article, "submit")
        await done(editors.olga, article, "approve", publish_at="2026-10-24T09:00:00Z")
        changed = await editors.anna.patch(at(article), json=wider)
        assert (changed.status_code, changed.json()["status"], changed.json()["publish_at"]) == (200, "draft", None)
        late = await editors.olga.post(at(article, "/approve"), json={})
        assert late.status_code == (409 if "category_id" not in wider else 404)
        moment.advance(hours=1)
        async with database.session() as session:
            await publish_scheduled(session, {})
            told = await session.scalar(
                select(EventRow.internal_changes).where(EventRow.type == "article.updated").limit(1)
            )
        assert told is not None
        assert (told["status"], told["publish_at"]) == (["in_review", "draft"], ["2026-10-24T09:00:00Z", None])
        assert told["approved_by_id"] == [editors.id_of("olga"), None]
        assert (await editors.rita.get(at(article))).status_code == 404


async def test_approvers_change_whom_it_is_for_without_a_second_review(editors: Editors) -> None:
    teams = {"audience": "teams", "team_ids": [editors.team_id]}
    article = await editors.draft(**teams)
    await done(editors.anna, article, "submit")
    assert (await editors.anna.patch(at(article), json=teams)).json()["status"] == "in_review"
    wider = {"audience": "public", "team_ids": []}
    with clock.frozen(NOW):
        await done(editors.olga, article, "approve", publish_at="2026-10-25T08:00:00Z")
        kept = (await editors.olga.patch(at(article), json=wider)).json()
    assert (kept["status"], kept["publish_at"]) == ("in_review", "2026-10-25T08:00:00Z")
    # Who files it elsewhere has not approved for whoever does so there.
    other = await editors.admin.post("/v1/article-categories", json={"name": "B", "owner_id": editors.id_of("ben")})
    given = await editors.olga.patch(at(article), json={"category_id": other.json()["id"]})
    assert (given.status_code, allowed(given.json())) == (200, set())
    filed = (await editors.ben.get(at(article))).json()
    assert (filed["status"], filed["publish_at"]) == ("in_review", None)


async def test_who_gives_their_right_away_is_answered(editors: Editors) -> None:
    article = await editors.draft()
    to_ben = await editors.anna.patch(at(article), json={"owner_id": editors.id_of("ben")})
    assert (to_ben.status_code, to_ben.json()["owner_id"]) == (200, editors.id_of("ben"))
    away = await editors.ben.patch(at(article), json={"owner_id": editors.id_of("anna"), "title": "Ben's"})
    assert (away.status_code, away.json()["owner_id"], away.json()["title"]) == (200, editors.id_of("anna"), "Ben's")
    assert allowed(away.json()) == set()
    assert (await editors.ben.get(at(article))).status_code == 404
    # What they still may read is shown as readers see it.
    await done(editors.olga, article, "publish")
    await editors.olga.patch(at(article), json={"title": "Next"})
    moved = await editors.olga.patch(at(article), json={"category_id": None})
    assert (moved.status_code, moved.json()["title"], allowed(moved.json())) == (200, "Ben's", set())
    assert moved.headers["etag"] == (await editors.olga.get(at(article))).headers["etag"]


async def test_the_etag_moves_with_what_the_caller_may_do(editors: Editors) -> None:
    article = await editors.published()
    held = (await editors.olga.get(at(article))).headers["etag"]
    path = f"/v1/article-categories/{editors.category_id}"
    await editors.admin.patch(path, json={"owner_id": editors.id_of("ben")})
    seen = await editors.olga.get(at(article), headers={"If-None-Match": held})
    assert (seen.status_code, allowed(seen.json())) == (200, set())
    # The article is the same: who may change it does not have to read it again.
    ben = await editors.ben.patch(at(article), json={"owner_id": editors.id_of("ben")}, headers={"If-Match": held})
    assert ben.status_code == 200
    assert (await editors.ben.patch(at(article), json={}, headers={"If-Match": held})).status_code == 412


async def test_what_is_scheduled_is_published_once(editors: Editors, database: Database) -> None:
    with clock.frozen(NOW) as moment:
        article = await editors.draft()
        await done(editors.olga, article, "publish", publish_at="2026-10-24T09:00:00Z")
        past = await editors.olga.post(at(article, "/publish"), json={"publish_at": "2026-10-24T08:00:00Z"})
        assert (past.status_code, past.json()["code"]) == (422, "publish_in_past")
        for minutes, status in ((59, 404), (1, 200)):
            moment.advance(minutes=minutes)
            for _ in range(2):
                async with database.session() as session:
                    await publish_scheduled(session, {})
            assert (await editors.rita.get(at(article))).status_code == status
    async with database.session() as session:
        told = select(func.count()).select_from(EventRow).where(EventRow.type == "article.published")
        assert await session.scalar(told) == 1
    assert (await editors.rita.get(at(article))).json()["published_at"] == "2026-10-24T09:00:00Z"


async def test_only_approvers_widen_what_readers_have(editors: Editors) -> None:
    article = await editors.published(audience="agents")
    assert (await editors.rita.get(at(article))).status_code == 404
    wider = {"audience": "public"}
    refused = await editors.anna.patch(at(article), json=wider)
    assert (refused.status_code, refused.json()["code"]) == (403, "article_action_forbidden")
    assert (await editors.olga.patch(at(article), json=wider)).status_code == 200
    assert (await editors.rita.get(at(article))).status_code == 200
    draft = await editors.draft(audience="agents")
    assert (await editors.anna.patch(at(draft), json=wider)).status_code == 200


async def test_only_approvers_change_the_language_that_readers_have(editors: Editors) -> None:
    article = await editors.published()
    other = {"language": "de"}
    assert (await editors.anna.patch(at(article), json=other)).json()["code"] == "article_action_forbidden"
    assert (await editors.rita.get(at(article))).json()["language"] == "en"
    assert (await editors.olga.patch(at(article), json=other)).status_code == 200
    assert (await editors.anna.patch(at(await editors.draft(title="Draft")), json=other)).status_code == 200


async def test_if_match_and_idempotency(editors: Editors) -> None:
    article = await editors.draft()
    etag = (await editors.anna.get(at(article))).headers["etag"]
    stale = await editors.anna.patch(at(article), json={"title": "A"}, headers={"If-Match": '"s99"'})
    assert stale.status_code == 412
    key = {"Idempotency-Key": "change-once", "If-Match": etag}
    first = await editors.anna.patch(at(article), json={"title": "A"}, headers=key)
    second = await editors.anna.patch(at(article), json={"title": "A"}, headers=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["idempotency-replayed"] == "true"
    same = await editors.anna.patch(at(article), json={"title": "A"})
    assert (same.json()["latest_number"], same.headers["etag"]) == (2, first.headers["etag"])
    twins = [await editors.anna.post("/v1/articles", json=BODY, headers={"Idempotency-Key": "once"}) for _ in "ab"]
    assert twins[0].json()["id"] == twins[1].json()["id"]


async def test_filters(editors: Editors) -> None:
    mine = await editors.draft(title="Mine", tags=["vpn"])
    seen = await editors.published(title="Seen", audience="public", external_source="wiki", external_id="7")
    german = await editors.published(title="Deutsch", language="de")

    async def found(client: httpx.AsyncClient, **asked: str) -> set[str]:
        reply = await client.get("/v1/articles", params=asked)
        assert reply.status_code == 200, reply.text
        return {one["title"] for one in reply.json()["data"]}

    assert await found(editors.anna) == {"Mine", "Seen", "Deutsch"}
    assert await found(editors.ben) == await found(editors.rita) == {"Seen", "Deutsch"}
    assert await found(editors.anna, status="draft") == {"Mine"}
    assert await found(editors.rita, status="draft") == set()
    assert await found(editors.rita, status="published,draft", language="en") == {"Seen"}
    assert await found(editors.anna, tag="vpn") == {"Mine"}
    assert await found(editors.anna, owner_id="me", language="de,en") == {"Mine", "Seen", "Deutsch"}
    assert await found(editors.rita, owner_id=editors.id_of("anna")) == set()
    assert await found(editors.rita, external_source="wiki", external_id="7") == {"Seen"}
    assert await found(editors.rita, category_id=editors.category_id, audience="public") == {"Seen"}
    pages, cursor = [], None
    while True:
        asked = {"limit": "1", "sort": "title", **({"cursor": cursor} if cursor else {})}
        page = (await editors.anna.get("/v1/articles", params=asked)).json()
        pages += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == [german["id"], mine["id"], seen["id"]]


async def test_the_latest_change_leads_as_each_is_shown_it(editors: Editors) -> None:
    with clock.frozen(NOW) as moment:
        changed = await editors.published(title="Changed")
        moment.advance(minutes=1)
        await editors.published(title="Later")
        moment.advance(minutes=1)
        await editors.anna.patch(at(changed), json={"review_interval_days": 30})
    for reader, titles in ((editors.anna, ["Changed", "Later"]), (editors.rita, ["Later", "Changed"])):
        pages = [(await reader.get("/v1/articles", params={"limit": 1})).json()]
        pages.append((await reader.get("/v1/articles", params={"limit": 1, "cursor": pages[0]["next_cursor"]})).json())
        listed = [one for page in pages for one in page["data"]]
        assert [one["title"] for one in listed] == titles
        assert [one["updated_at"] for one in listed] == sorted((one["updated_at"] for one in listed), reverse=True)


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"audience": "teams"}, "article_teams_required", "#/team_ids"),
        ({"team_ids": [f"tea_{'0' * 32}"]}, "article_teams_required", "#/team_ids"),
        ({"audience": "teams", "team_ids": [f"tea_{'0' * 32}"]}, "unknown_reference", "#/team_ids/0"),
        ({"category_id": f"acg_{'0' * 32}"}, "unknown_reference", "#/category_id"),
        ({"owner_id": f"usr_{'0' * 32}"}, "unknown_reference", "#/owner_id"),
        ({"translation_of_id": f"art_{'0' * 32}"}, "unknown_reference", "#/translation_of_id"),
        ({"source_number": 1}, "article_original_required", "#/source_number"),
        ({"external_id": "7"}, "external_pair_incomplete", "#/external_source"),
        ({"language": "tlh"}, "validation_failed", "#/language"),
        ({"title": "\u2003"}, "validation_failed", "#/title"),
        ({"body": "x" * 65_537}, "validation_failed", "#/body"),
        ({"tags": ["a,b"]}, "validation_failed", "#/tags/0"),
    ],
)
async def test_what_cannot_be_drafted(editors: Editors, fields: dict[str, Any], code: str, pointer: str) -> None:
    reply = await editors.anna.post("/v1/articles", json={**BODY, **fields})
    assert reply.status_code == 422, reply.text
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == (code, pointer)
    assert (await editors.admin.get("/v1/articles")).json()["data"] == []


async def test_requesters_write_none(editors: Editors) -> None:
    reply = await editors.rita.post("/v1/articles", json=BODY)
    assert (reply.status_code, reply.json()["required_scope"]) == (403, "articles:write")


async def test_a_team_is_named_once_and_while_it_is_at_work(editors: Editors, a_team: Make) -> None:
    own, other = editors.team_id, public_id("tea", (await a_team(name="Gone")).id)
    article = await editors.draft(audience="teams", team_ids=[own, own])
    assert article["team_ids"] == [own]
    twice = await editors.anna.patch(at(article), json={"team_ids": [own, other, other]})
    assert sorted(twice.json()["team_ids"]) == sorted([own, other])
    for team in (own, other):
        assert (await editors.admin.post(f"/v1/teams/{team}/archive")).status_code == 200
    kept = await editors.anna.patch(at(article), json={"team_ids": [own], "title": "Still theirs"})
    assert (kept.status_code, kept.json()["team_ids"]) == (200, [own])
    translated = await editors.draft(language="de", translation_of_id=article["id"], audience=None)
    assert translated["team_ids"] == [own]
    anew = await editors.anna.patch(at(article), json={"team_ids": [own, other]})
    assert (anew.status_code, anew.json()["code"]) == (422, "unknown_reference")
    assert anew.json()["errors"][0]["pointer"] == "#/team_ids/1"


async def test_an_original_is_published_while_its_translation_is_written(own_database: Database) -> None:
    anna = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))
    async with own_database.session() as session:
        original = await create_article(session, anna, ArticleCreate(**BODY))
        original.published_number, original.review_at = 1, clock.now()
        more = BODY | {"language": "de", "translation_of_id": public_id("art", original.id)}
        translation = await create_article(session, anna, ArticleCreate(**more))

    for by_a_job in (False, True):
        async with own_database.session() as publishing, own_database.session() as writing:
            written = await lock_article(writing, anna, translation.id)
            await (tell_reviews(publishing, {}) if by_a_job else lock_article(publishing, anna, original.id))
            await writing.execute(text("SET LOCAL lock_timeout = '200ms'"))
            # What was written by the same transaction has its foreign keys looked at again.
            for number in (2, 3):
                written.version = number
                await writing.flush()


async def test_an_external_id_is_taken_once(editors: Editors) -> None:
    pair = {"external_source": "wiki", "external_id": "7"}
    await editors.draft(**pair)
    reply = await editors.ben.post("/v1/articles", json={**BODY, **pair})
    assert (reply.status_code, reply.json()["code"]) == (409, "article_external_id_taken")


@pytest.mark.parametrize(("status", "action"), list(itertools.product(ArticleStatus, ArticleAction)))
def test_the_transition_table(status: ArticleStatus, action: ArticleAction) -> None:
    everything = Standing(status, is_published=True, may_write=True, may_edit=True, may_approve=True)
    moves = action in TRANSITIONS[status] or action is ArticleAction.REVIEW
    if action is ArticleAction.UPDATE:
        moves = status is not ArticleStatus.ARCHIVED
    assert refusal(everything, action) == (None if moves else ArticleRefusal.WRONG_STATUS)
    stranger = Standing(status, is_published=True, may_write=True, may_edit=False, may_approve=False)
    assert refusal(stranger, action) is ArticleRefusal.NOT_PERMITTED
    author = Standing(status, is_published=False, may_write=True, may_edit=True, may_approve=False)
    if action in {ArticleAction.APPROVE, ArticleAction.REJECT, ArticleAction.PUBLISH}:
        assert refusal(author, action) is ArticleRefusal.APPROVAL_NEEDED
