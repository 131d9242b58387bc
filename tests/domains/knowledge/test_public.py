"""What everybody reads without signing in, where it is switched on."""

from collections.abc import AsyncIterator

import httpx
import pytest

from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge import tally
from helpdesk_api.main import create_app
from tests.domains.knowledge.conftest import Editors, at, done
from tests.fixtures.clients import client_of

PATH = "/v1/public/articles"


@pytest.fixture
def visitor(client: httpx.AsyncClient) -> httpx.AsyncClient:
    return client


@pytest.fixture
async def shut_out(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings.model_copy(update={"public_articles": False}), database=database)) as one:
        yield one


async def test_it_is_off_unless_it_is_switched_on(editors: Editors, shut_out: httpx.AsyncClient) -> None:
    assert Settings.model_fields["public_articles"].default is False
    article = await editors.published(audience="public")
    for path in (PATH, f"{PATH}/{article['id']}"):
        reply = await shut_out.get(path)
        assert (reply.status_code, reply.json()["code"]) == (404, "article_not_found")
        assert "public" not in reply.headers["cache-control"]


async def test_public_articles_and_no_others(editors: Editors, visitor: httpx.AsyncClient) -> None:
    seen = await editors.published(title="Seen", audience="public")
    others = [await editors.published(title=f"Other {kind}", audience=kind) for kind in ("requesters", "agents")]
    others.append(await editors.draft(title="Other draft", audience="public"))
    assert [one["title"] for one in (await visitor.get(PATH)).json()["data"]] == ["Seen"]
    assert [one["title"] for one in (await visitor.get(PATH, params={"q": "seen other"})).json()["data"]] == ["Seen"]
    for other in others:
        assert (await visitor.get(f"{PATH}/{other['id']}")).status_code == 404
    body = (await visitor.get(f"{PATH}/{seen['id']}")).json()
    assert (body["title"], body["owner_id"], body["latest_number"], body["allowed_actions"]) == ("Seen", None, None, [])


async def test_it_may_be_kept_until_it_changes(editors: Editors, visitor: httpx.AsyncClient) -> None:
    article = await editors.published(audience="public")
    for path in (PATH, f"{PATH}/{article['id']}"):
        first = await visitor.get(path)
        assert first.headers["cache-control"] == "public, max-age=300"
        held = {"If-None-Match": first.headers["etag"]}
        again = await visitor.get(path, headers=held)
        assert (again.status_code, again.headers["cache-control"]) == (304, "public, max-age=300")
        # What authors do meanwhile is not told.
        await editors.anna.patch(at(article), json={"title": f"Changed {path}"})
        assert (await visitor.get(path, headers=held)).status_code == 304
        await done(editors.olga, article, "publish")
        assert (await visitor.get(path, headers=held)).status_code == 200


async def test_an_original_that_is_hidden_moves_nothing(editors: Editors, visitor: httpx.AsyncClient) -> None:
    original = await editors.published()
    german = await editors.published(language="de", audience="public", translation_of_id=original["id"])
    held = {"If-None-Match": (await visitor.get(f"{PATH}/{german['id']}")).headers["etag"]}
    await editors.anna.patch(at(original), json={"body": "New."})
    await done(editors.olga, original, "publish")
    assert (await visitor.get(f"{PATH}/{german['id']}", headers=held)).status_code == 304


async def test_a_page_of_several_may_be_kept(editors: Editors, visitor: httpx.AsyncClient) -> None:
    """Its cursors are sealed anew each time."""
    for title in ("Seen", "Seen as well"):
        await editors.published(title=title, audience="public")
    for asked in ({"limit": "1"}, {"limit": "1", "q": "seen"}):
        first = await visitor.get(PATH, params=asked)
        assert first.json()["next_cursor"] is not None
        again = await visitor.get(PATH, params=asked, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


async def test_views_of_authors_are_not_counted(
    editors: Editors, visitor: httpx.AsyncClient, database: Database
) -> None:
    article = await editors.published(audience="public")
    await tally.flush(database)
    path = f"{PATH}/{article['id']}"
    for reader in (editors.anna, editors.olga, editors.ben, visitor):
        assert (await reader.get(path)).status_code == 200
        assert (await reader.head(path)).status_code == 200
    assert (await visitor.get(path, headers={"Authorization": "Basic nonsense"})).status_code == 200
    await tally.flush(database)
    assert (await editors.anna.get(at(article, "/statistics"))).json()["view_count"] == 3
