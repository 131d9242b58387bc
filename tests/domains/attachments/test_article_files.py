"""Files of articles: whoever reads the article has them, and nobody else."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.domains.attachments import storing
from helpdesk_api.integrations.storage.memory import MemoryStorage
from tests.domains.attachments.files import picture, uploaded
from tests.domains.knowledge.conftest import Editors, at, done, editors

__all__ = ["editors"]


@pytest.fixture(autouse=True)
def store(app: FastAPI) -> MemoryStorage:
    store = MemoryStorage()
    storing.use_storage(store, None)
    return store


async def added(client: httpx.AsyncClient, article: dict[str, Any], *files: dict[str, Any]) -> httpx.Response:
    return await client.post(at(article, "/attachments"), json={"attachment_ids": [one["id"] for one in files]})


async def test_seen_by_whoever_reads_the_article(editors: Editors) -> None:
    file = await uploaded(editors.anna, picture(), "wizard.png")
    name = f"/v1/attachments/{file['id']}"
    article = await editors.draft(body=f"![The wizard](attachment:{file['id']})")
    reply = await added(editors.anna, article, file)
    assert (reply.status_code, reply.json()["id"]) == (200, article["id"]), reply.text
    for stranger in (editors.ben, editors.rita):
        assert (await stranger.get(name)).json()["code"] == "attachment_not_found"
        assert (await stranger.get(at(article, "/attachments"))).json()["code"] == "article_not_found"
    await done(editors.olga, article, "publish")
    for reader in (editors.ben, editors.rita):
        read = (await reader.get(at(article))).json()
        assert f'<img src="{name}/download"' in read["body_html"]
        link = await reader.get(f"{name}/download")
        assert (link.status_code, (await reader.get(link.headers["location"])).content) == (302, picture())
        linked = await reader.get(at(article, "/attachments"), params={"links": True})
        assert linked.headers["cache-control"] == "private, no-store"
        assert (await reader.get(linked.json()["data"][0]["download_url"])).content == picture()
        (listed,) = (await reader.get(at(article, "/attachments"))).json()["data"]
        assert (listed["id"], listed["article_id"], listed["ticket_id"]) == (file["id"], article["id"], None)
        assert {one["action"]: one["allowed"] for one in listed["allowed_actions"]} == {
            "download": True,
            "delete": False,
        }
    await done(editors.olga, article, "archive")
    assert (await editors.rita.get(name)).status_code == 404
    assert (await editors.anna.get(name)).status_code == 200


async def test_added_and_taken_away_by_those_who_write_it(editors: Editors) -> None:
    article = await editors.published()
    files = [await uploaded(editors.ben), await uploaded(editors.anna)]
    assert (await added(editors.ben, article, files[0])).json()["code"] == "article_action_forbidden"
    foreign = await added(editors.anna, article, files[1], files[0])
    assert (foreign.json()["code"], foreign.json()["errors"][0]["pointer"]) == (
        "attachment_not_usable",
        "#/attachment_ids/1",
    )
    assert (await editors.anna.get(at(article, "/attachments"))).json()["data"] == []
    stale = await editors.anna.post(
        at(article, "/attachments"), json={"attachment_ids": [files[1]["id"]]}, headers={"If-Match": '"v0"'}
    )
    assert stale.status_code == 412
    assert (await added(editors.anna, article, files[1])).status_code == 200
    assert (await added(editors.anna, article, files[1])).json()["code"] == "attachment_not_usable"
    await done(editors.olga, article, "publish")
    name = f"/v1/attachments/{files[1]['id']}"
    assert (await editors.rita.delete(name)).status_code == 403
    assert (await editors.ben.delete(name)).json()["code"] == "not_the_uploader"
    assert (await editors.olga.delete(name)).status_code == 204
    assert (await editors.rita.get(at(article, "/attachments"))).json()["data"] == []


async def test_what_was_approved_was_without_them(editors: Editors) -> None:
    article = await editors.draft()
    await done(editors.anna, article, "submit")
    await done(editors.olga, article, "approve", publish_at="2099-01-01T00:00:00Z")
    kept = await added(editors.olga, article, await uploaded(editors.olga))
    assert (kept.json()["status"], kept.json()["publish_at"]) == ("in_review", "2099-01-01T00:00:00Z")
    reply = await added(editors.anna, article, await uploaded(editors.anna))
    assert (reply.json()["status"], reply.json()["publish_at"]) == ("draft", None), reply.text


async def test_what_was_approved_was_with_them(editors: Editors) -> None:
    article = await editors.draft()
    files = [await uploaded(editors.anna) for _ in range(2)]
    await added(editors.anna, article, *files)
    await done(editors.anna, article, "submit")
    await done(editors.olga, article, "approve", publish_at="2099-01-01T00:00:00Z")
    for client, file, then in (
        (editors.olga, files[0], ("in_review", "2099-01-01T00:00:00Z")),
        (editors.anna, files[1], ("draft", None)),
    ):
        before = (await editors.anna.get(at(article))).headers["etag"]
        assert (await client.delete(f"/v1/attachments/{file['id']}")).status_code == 204
        read = await editors.anna.get(at(article))
        assert (read.json()["status"], read.json()["publish_at"]) == then
        assert read.headers["etag"] != before


async def test_what_readers_have_was_approved_with_its_files(editors: Editors, client: httpx.AsyncClient) -> None:
    article = await editors.published(audience="public")
    file = await uploaded(editors.anna)
    reply = await added(editors.anna, article, file)
    assert (reply.json()["status"], reply.json()["published_number"]) == ("draft", 1), reply.text
    name, download = f"/v1/attachments/{file['id']}", f"/v1/public/attachments/{file['id']}/download"
    for stranger in (editors.ben, editors.rita):
        assert (await stranger.get(name)).json()["code"] == "attachment_not_found"
        assert (await stranger.get(at(article, "/attachments"))).json()["data"] == []
    listed = f"/v1/public/articles/{article['id']}/attachments"
    assert (await client.get(listed)).json()["data"] == []
    assert (await client.get(download)).status_code == 404
    for author in (editors.anna, editors.olga, editors.admin):
        assert (await author.get(name)).json()["visibility"] == "internal"
        assert len((await author.get(at(article, "/attachments"))).json()["data"]) == 1
    await done(editors.anna, article, "submit")
    await done(editors.olga, article, "approve")
    assert (await editors.rita.get(name)).json()["visibility"] == "public"
    assert [one["id"] for one in (await client.get(listed)).json()["data"]] == [file["id"]]
    assert (await client.get(download)).status_code == 302


async def test_what_readers_have_is_taken_away_by_who_approved_it(editors: Editors) -> None:
    article = await editors.draft()
    shown, waiting = [await uploaded(editors.anna) for _ in range(2)]
    await added(editors.anna, article, shown)
    await done(editors.anna, article, "submit")
    await done(editors.olga, article, "approve")
    await added(editors.anna, article, waiting)
    name = f"/v1/attachments/{shown['id']}"
    refused = await editors.anna.delete(name)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_uploader")
    for client, expected in ((editors.anna, False), (editors.olga, True)):
        actions = {one["action"]: one for one in (await client.get(name)).json()["allowed_actions"]}
        assert actions["delete"]["allowed"] is expected
    assert (await editors.rita.get(name)).status_code == 200
    # What waits for approval is its author's, and so is everything once nobody else reads it.
    assert (await editors.anna.delete(f"/v1/attachments/{waiting['id']}")).status_code == 204
    await done(editors.olga, article, "archive")
    assert (await editors.anna.delete(name)).status_code == 204


async def test_there_is_an_end_of_files(editors: Editors) -> None:
    article = await editors.draft()
    for _ in range(3):
        files = [await uploaded(editors.anna) for _ in range(17)]
        reply = await added(editors.anna, article, *files)
    assert (reply.status_code, reply.json()["code"]) == (409, "too_many_article_files")
    page = (await editors.anna.get(at(article, "/attachments?include_total=true"))).json()
    assert page["total"] == 34


async def test_public_ones_need_no_signing_in(editors: Editors, client: httpx.AsyncClient) -> None:
    file, inside = await uploaded(editors.olga, picture()), await uploaded(editors.olga)
    article = await editors.published(body=f"![x](attachment:{file['id']})", audience="public")
    hidden = await editors.published(title="For the staff", audience="agents")
    await added(editors.olga, article, file)
    await added(editors.olga, hidden, inside)
    download = f"/v1/public/attachments/{file['id']}/download"
    read = (await client.get(f"/v1/public/articles/{article['id']}")).json()
    assert f'<img src="{download}"' in read["body_html"]
    assert (await client.get((await client.get(download)).headers["location"])).content == picture()
    files = await client.get(f"/v1/public/articles/{article['id']}/attachments")
    assert [one["id"] for one in files.json()["data"]] == [file["id"]]
    for path in (
        f"/v1/public/attachments/{inside['id']}/download",
        f"/v1/public/articles/{hidden['id']}/attachments",
    ):
        assert (await client.get(path)).status_code == 404
