"""Outcomes that end together are one transaction, and one that cannot be written costs the others nothing."""

import asyncio
from datetime import timedelta

from sqlalchemy import event, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks import actions
from helpdesk_api.domains.webhooks.claiming import Claimed, claim
from helpdesk_api.domains.webhooks.enums import DeliveryState
from helpdesk_api.domains.webhooks.group_commit import GroupCommit
from helpdesk_api.domains.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookProgress
from helpdesk_api.domains.webhooks.outcomes import Outcome
from helpdesk_api.domains.webhooks.schemas import WebhookCreate
from tests.domains.webhooks.desk import URL, happen, relay
from tests.factories.records import make_ticket, make_user, principal_of

LEASE = timedelta(seconds=25)


async def taken(database: Database, count: int) -> list[Claimed]:
    """As many deliveries under lease, of as many webhooks."""
    boss = await principal_of(database, await make_user(database, role=Role.ADMIN))
    ticket = await make_ticket(database)
    await relay(database)
    for _ in range(count):
        async with database.session() as session:
            await actions.create_webhook(session, boss, WebhookCreate(url=URL, event_types=["ticket.updated"]))
    await happen(database, ticket)
    await relay(database)
    found = await claim(database, busy={}, room=100, lease_for=LEASE)
    return [one for several in found.values() for one in several]


def answered(status: int) -> Outcome:
    return Outcome.answered(clock.now(), 1, status, "")


async def test_what_ends_together_is_committed_together(own_database: Database) -> None:
    claimed = await taken(own_database, 12)
    commits = 0

    def commit(_: object) -> None:
        nonlocal commits
        commits += 1

    writer = GroupCommit(own_database)
    event.listen(own_database.engine.sync_engine, "commit", commit)
    await asyncio.gather(*[writer.write(one, answered(500 if n % 3 == 0 else 204)) for n, one in enumerate(claimed)])
    event.remove(own_database.engine.sync_engine, "commit", commit)
    assert commits == 1
    async with own_database.session() as session:
        states = {row.id: row.state for row in await session.scalars(select(WebhookDelivery))}
        failures = {row.webhook_id: row.failures for row in await session.scalars(select(WebhookProgress))}
        attempts = len((await session.scalars(select(WebhookAttempt))).all())
    assert attempts == 12
    for n, one in enumerate(claimed):
        has_failed = n % 3 == 0
        assert states[one.id] == (DeliveryState.PENDING if has_failed else DeliveryState.DELIVERED)
        assert failures[one.webhook_id] == int(has_failed)


async def test_one_that_cannot_be_written_costs_the_others_nothing(own_database: Database) -> None:
    bad, *good = await taken(own_database, 4)
    writer = GroupCommit(own_database)
    # PostgreSQL holds no such text, so this one is refused whatever is tried.
    wrong = Outcome.answered(clock.now(), 1, 200, "\x00")
    results = await asyncio.gather(
        writer.write(bad, wrong), *[writer.write(one, answered(204)) for one in good], return_exceptions=True
    )
    assert isinstance(results[0], Exception)
    assert results[1:] == [None, None, None]
    async with own_database.session() as session:
        states = {row.id: row.state for row in await session.scalars(select(WebhookDelivery))}
    assert states[bad.id] == DeliveryState.PENDING
    assert {states[one.id] for one in good} == {DeliveryState.DELIVERED}
