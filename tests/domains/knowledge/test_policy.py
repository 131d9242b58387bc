"""Who may read an article: as SQL and as a predicate, over everybody, every audience and every status."""

import itertools

from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.enums import ArticleAudience, ArticleLanguage, ArticleStatus
from helpdesk_api.domains.knowledge.models import Article, ArticleCategory
from tests.factories.records import Make, principal_of


async def test_sql_and_predicate_agree(database: Database, a_user: Make, a_team: Make) -> None:
    team, other = await a_team(), await a_team()
    author = await a_user(role=Role.AGENT)
    owner = await a_user(role=Role.AGENT)
    approver = await a_user(role=Role.SUPERVISOR, teams=[other])
    callers = [
        author,
        owner,
        approver,
        await a_user(role=Role.AGENT, teams=[team]),
        await a_user(role=Role.AGENT, teams=[other]),
        await a_user(role=Role.SUPERVISOR, teams=[team, other]),
        await a_user(role=Role.ADMIN),
        await a_user(),
        await a_user(teams=[team]),
    ]
    now = clock.now()
    category = ArticleCategory(
        id=new_id(), name="C", approver_id=approver.id, position=0, created_at=now, updated_at=now
    )
    articles = []
    for audience, status, published, filed in itertools.product(
        ArticleAudience, ArticleStatus, (None, 1), (None, category.id)
    ):
        identifier = new_id()
        articles.append(
            Article(
                id=identifier,
                group_id=identifier,
                category_id=filed,
                language=ArticleLanguage.EN,
                audience=audience,
                team_ids=[team.id] if audience is ArticleAudience.TEAMS else [],
                status=status,
                author_id=author.id,
                owner_id=owner.id,
                latest_number=1,
                published_number=None if status is ArticleStatus.ARCHIVED else published,
                review_interval_days=91,
                created_at=now,
                updated_at=now,
                public_updated_at=now,
            )
        )
    seen = {}
    async with database.session() as session:
        session.add(category)
        await session.flush()
        session.add_all(articles)
        await session.flush()
        for caller in callers:
            principal = await principal_of(database, caller)
            found = set(await session.scalars(select(Article.id).where(policy.readable(principal))))
            predicted = {
                article.id
                for article in articles
                if policy.may_read(principal, article, approver.id if article.category_id else None)
            }
            assert found == predicted, caller.role
            seen[caller.id] = len(found)
        open_to_all = set(await session.scalars(select(Article.id).where(policy.public())))
    assert open_to_all == {
        article.id for article in articles if article.published_number and article.audience is ArticleAudience.PUBLIC
    }
    # Everybody's share differs, or the test would prove little.
    assert seen[callers[6].id] == seen[author.id] == seen[owner.id] == len(articles)
    assert len(articles) / 2 < seen[approver.id] < len(articles)
    assert seen[callers[4].id] < seen[callers[3].id] == seen[callers[5].id]
    assert 0 < seen[callers[7].id] == seen[callers[8].id] < seen[callers[4].id]
