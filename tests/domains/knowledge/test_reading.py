"""What readers leave behind: views, feedback, and the reviews that time asks for."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge import queries, reading, tally
from helpdesk_api.domains.knowledge.enums import ArticleAudience, ArticleLanguage, ArticleStatus
from helpdesk_api.domains.knowledge.lifecycle import tell_reviews
from helpdesk_api.domains.knowledge.models import Article, ArticleRelation
from helpdesk_api.domains.users.models import User
from tests.domains.knowledge.conftest import Editors, at, done
from tests.domains.notifications.conftest import PostOffice, post_office, recipients, text_of
from tests.factories.records import make_user, principal_of

__all__ = ["post_office"]
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


async def test_views_of_readers_are_counted(editors: Editors, database: Database) -> None:
    article = await editors.published()
    for reader, times in ((editors.rita, 3), (editors.ben, 1), (editors.anna, 2), (editors.olga, 1)):
        for _ in range(times):
            assert (await reader.get(at(article))).status_code == 200
        # Who asks for the headers alone has read nothing.
        assert (await reader.head(at(article))).status_code == 200
    await tally.flush(database)
    await tally.flush(database)
    counts = (await editors.ben.get(at(article, "/statistics"))).json()
    assert counts["view_count"] == 4
    assert (await editors.rita.get(at(article, "/statistics"))).json()["code"] == "article_action_forbidden"


async def test_counts_that_could_not_be_written_wait(editors: Editors, database: Database) -> None:
    article = await editors.published()
    await tally.flush(database)
    await editors.rita.get(at(article))
    broken = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    try:
        await tally.flush(broken)
    except OSError:
        pass
    else:
        raise AssertionError
    finally:
        await broken.dispose()
    await tally.flush(database)
    assert (await editors.anna.get(at(article, "/statistics"))).json()["view_count"] == 1


async def test_the_last_feedback_of_a_person_counts(editors: Editors) -> None:
    article = await editors.published()
    for reader, helpful in ((editors.rita, True), (editors.ben, True), (editors.rita, False), (editors.rita, False)):
        reply = await reader.post(at(article, "/feedback"), json={"is_helpful": helpful, "comment": "Step 2?"})
        assert reply.status_code == 200, reply.text
    counts = (await editors.anna.get(at(article, "/statistics"))).json()
    assert (counts["helpful_count"], counts["not_helpful_count"]) == (1, 1)
    listed = (await editors.anna.get(at(article, "/feedback"))).json()["data"]
    assert [(one["user_id"], one["is_helpful"]) for one in listed] == [
        (editors.id_of("rita"), False),
        (editors.id_of("ben"), True),
    ]
    assert (await editors.rita.get(at(article, "/feedback"))).status_code == 403
    hidden = await editors.draft()
    reply = await editors.rita.post(at(hidden, "/feedback"), json={"is_helpful": True})
    assert (reply.status_code, reply.json()["code"]) == (404, "article_not_found")
    assert (await editors.rita.post(at(article, "/feedback"), json={"is_helpful": "yes"})).status_code == 422


async def test_related_articles_are_related_both_ways(editors: Editors) -> None:
    first, second = await editors.published(title="First"), await editors.published(title="Second", audience="agents")
    link = at(first, f"/related/{second['id']}")
    for _ in range(2):
        assert (await editors.anna.put(link)).status_code == 204
    for article, other in ((first, second), (second, first)):
        listed = (await editors.anna.get(at(article, "/related"))).json()["data"]
        assert [one["id"] for one in listed] == [other["id"]]
    assert (await editors.rita.get(at(first, "/related"))).json()["data"] == []
    assert (await editors.ben.put(link)).json()["code"] == "article_action_forbidden"
    itself = await editors.anna.put(at(first, f"/related/{first['id']}"))
    assert itself.json()["code"] == "article_relates_to_itself"
    assert (await editors.anna.delete(at(second, f"/related/{first['id']}"))).status_code == 204
    assert (await editors.anna.delete(link)).status_code == 404


def untold(author: User) -> Article:
    """A row alone: of so many, nothing is read but that they are there."""
    now, identifier = clock.now(), new_id()
    return Article(
        id=identifier,
        group_id=identifier,
        language=ArticleLanguage.EN,
        audience=ArticleAudience.AGENTS,
        team_ids=[],
        status=ArticleStatus.DRAFT,
        author_id=author.id,
        owner_id=author.id,
        latest_number=1,
        review_interval_days=91,
        created_at=now,
        updated_at=now,
        public_updated_at=now,
    )


async def test_neither_has_too_many_related_articles(editors: Editors, database: Database) -> None:
    hub, last, one_more = [await editors.draft(title=title) for title in ("Hub", "Last", "One more")]
    others = [untold(editors.people["anna"]) for _ in range(reading.MAX_RELATED - 1)]
    async with database.session() as session:
        session.add_all(others)
        await session.flush()
        pairs = [sorted((parse_id("art", hub["id"]), other.id)) for other in others]
        session.add_all([ArticleRelation(first_id=first, second_id=second) for first, second in pairs])
    assert (await editors.anna.put(at(last, f"/related/{hub['id']}"))).status_code == 204
    for article, other in ((one_more, hub), (hub, one_more)):
        full = await editors.anna.put(at(article, f"/related/{other['id']}"))
        assert (full.status_code, full.json()["code"]) == (409, "too_many_related_articles")
    # What is related already, is so again.
    for article, other in ((last, hub), (hub, last)):
        assert (await editors.anna.put(at(article, f"/related/{other['id']}"))).status_code == 204


async def test_two_articles_are_related_from_both_sides_at_once(own_database: Database) -> None:
    author = await make_user(own_database, role=Role.AGENT)
    caller = await principal_of(own_database, author)
    one, other = untold(author), untold(author)
    async with own_database.session() as session:
        session.add_all([one, other])
    together = asyncio.Barrier(2)

    async def relate(*ids: UUID) -> None:
        async with own_database.session() as session:
            await session.execute(select(1))
            await together.wait()
            await reading.relate(session, caller, *await queries.lock_articles(session, caller, *ids))

    await asyncio.gather(relate(one.id, other.id), relate(other.id, one.id))
    async with own_database.reads() as reads:
        assert await reads.fetch_value(select(func.count()).select_from(ArticleRelation)) == 1


async def test_an_owner_is_told_once_that_a_review_is_due(
    editors: Editors, database: Database, post_office: PostOffice
) -> None:
    async def told() -> None:
        async with database.session() as session:
            await tell_reviews(session, {})

    with clock.frozen(NOW) as moment:
        article = await editors.published(review_interval_days=30)
        await editors.draft()
        assert article["review_at"] == "2026-07-31T08:00:00Z"
        await post_office.round()
        moment.advance(days=30)
        for _ in range(2):
            await told()
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["anna"]
        assert article["title"] in text_of(mail)
        due = {"is_review_due": "true"}
        assert [one["id"] for one in (await editors.ben.get("/v1/articles", params=due)).json()["data"]] == [
            article["id"]
        ]
        assert (await editors.rita.get("/v1/articles", params=due)).json()["data"] == []
        reviewed = await done(editors.anna, article, "review")
        assert (reviewed["review_at"], reviewed["reviewed_at"]) == ("2026-08-30T08:00:00Z", "2026-07-31T08:00:00Z")
        assert (await editors.ben.get("/v1/articles", params=due)).json()["data"] == []
        await told()
        assert await post_office.round() == []
        moment.advance(days=30)
        await told()
        assert len(await post_office.round()) == 1


async def test_who_comes_to_own_an_overdue_article_is_told(
    editors: Editors, database: Database, post_office: PostOffice
) -> None:
    with clock.frozen(NOW) as moment:
        article = await editors.published(review_interval_days=30)
        await post_office.round()
        moment.advance(days=30)
        for owner in ("anna", "ben"):
            given = await editors.olga.patch(at(article), json={"owner_id": editors.id_of(owner)})
            assert given.status_code == 200, given.text
            for _ in range(2):
                async with database.session() as session:
                    await tell_reviews(session, {})
            assert recipients(await post_office.round()) == [owner]


async def test_a_new_interval_is_counted_from_the_last_look(editors: Editors) -> None:
    with clock.frozen(NOW) as moment:
        article = await editors.published(review_interval_days=30)
        await done(editors.anna, article, "review")
        moment.advance(days=20)
        await editors.anna.patch(at(article), json={"title": "Again"})
        await done(editors.olga, article, "publish")
        longer = await editors.anna.patch(at(article), json={"review_interval_days": 40})
        assert longer.json()["review_at"] == "2026-08-30T08:00:00Z"
        moment.advance(days=1)
        await done(editors.anna, article, "review")
        shorter = await editors.anna.patch(at(article), json={"review_interval_days": 10})
        assert shorter.json()["review_at"] == "2026-08-01T08:00:00Z"


async def test_a_quarter_is_the_usual_interval(editors: Editors) -> None:
    with clock.frozen(NOW):
        assert (await editors.published())["review_at"] == "2026-09-30T08:00:00Z"


async def test_two_answers_at_once_are_both_counted(editors: Editors) -> None:
    article = await editors.published()
    answers = [
        client.post(at(article, "/feedback"), json={"is_helpful": True})
        for client in (editors.rita, editors.ben, editors.admin, editors.anna)
    ]
    assert {reply.status_code for reply in await asyncio.gather(*answers)} == {200}
    assert (await editors.anna.get(at(article, "/statistics"))).json()["helpful_count"] == 4
