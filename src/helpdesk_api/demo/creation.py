"""The demo organisation, told to an empty database by the product's own actions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from helpdesk_api.database import clock
from helpdesk_api.database.listener import Listener
from helpdesk_api.database.session import Database
from helpdesk_api.demo.organization import Cast, create_organizations_and_people, set_absences, set_limits
from helpdesk_api.demo.passwords import demo_password_hashes
from helpdesk_api.demo.replay import Stage
from helpdesk_api.demo.script import When
from helpdesk_api.demo.stories_business import BUSINESS
from helpdesk_api.demo.stories_network import NETWORK
from helpdesk_api.demo.stories_workplace import WORKPLACE
from helpdesk_api.domains.sla.timers import fire_within
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.pending import pending_events

STORIES = (*WORKPLACE, *NETWORK, *BUSINESS)
# The desk was set up a while before the first ticket came.
_SET_UP = When(22, "09:00")
_ABSENT_SINCE = When(2, "18:00")


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """How much of what was created."""

    organizations: int
    people: int
    teams: int
    categories: int
    rules: int
    tickets: int


async def is_empty(database: Database) -> bool:
    """Whether nobody has an account yet."""
    async with database.session() as session:
        return await session.scalar(select(User.id).limit(1)) is None


async def create_demo(database: Database) -> DemoSummary:
    """Into an empty database only: names and addresses are unique. Sends no mail.

    Two transactions: what a new ticket asks of people and categories must be committed before.
    """
    now = clock.now()
    hashes = await demo_password_hashes()
    with clock.frozen(_SET_UP.instant(now)):
        async with database.session() as session:
            cast = await create_organizations_and_people(session, hashes)
    # While it hears of changes, this process may keep rights, categories and rules, and need not read them each time.
    listener = Listener(database.url)
    await listener.start()
    try:
        tickets = await _tell_stories(database, cast, now)
    finally:
        await listener.stop()
    return DemoSummary(
        organizations=len(cast.organizations),
        people=len(cast.people),
        teams=len(cast.teams),
        categories=len(cast.categories),
        rules=cast.rules,
        tickets=tickets,
    )


async def _tell_stories(database: Database, cast: Cast, now: datetime) -> int:
    async with database.session() as session:
        with clock.frozen(_SET_UP.instant(now) + timedelta(hours=1)):
            await set_limits(session, database, cast)
        stage = Stage(session, database, cast, now)
        tickets = await stage.tell(STORIES)
        with clock.frozen(_ABSENT_SINCE.instant(now)):
            await set_absences(session, database, cast, now)
        # What was due in the past was told in the past.
        while await fire_within(session):
            pass
        for row in pending_events(session):
            # The past is not news: whoever reacts to these sends nothing.
            row.data = {**row.data, "imported": True}
    return tickets
