"""Entities written past the ORM's unit of work: what is set is written, and what PostgreSQL makes comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.database.writes import (
    Loader,
    insert_at_flush,
    insert_rows,
    statements_of,
    update_at_flush,
    write_rows,
)
from helpdesk_api.domains.categories.enums import Channel
from helpdesk_api.domains.comments.models import Comment, CommentMention
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_store import read_clocks
from helpdesk_api.domains.sla.events import SlaWarned
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import NEW_EVENTS, EventRow, NewEvent
from helpdesk_api.outbox.pending import write_pending
from helpdesk_api.outbox.record import record
from tests.factories.records import make_ticket, make_user

TICKETS = Loader(Ticket)
BY_ID = CompiledStatement(select(*TICKETS.columns).where(Ticket.id.is_not(None)).with_for_update())


@contextmanager
def counted() -> Iterator[StatementCount]:
    count = StatementCount()
    token = statement_count.set(count)
    yield count
    statement_count.reset(token)


def a_comment(ticket: Ticket) -> Comment:
    return Comment(
        id=new_id(),
        ticket_id=ticket.id,
        author_id=ticket.submitter_id,
        visibility=Visibility.PUBLIC,
        channel=Channel.PORTAL,
        body="Hello",
        body_html="<p>Hello</p>",
        created_at=clock.now(),
    )


async def test_only_what_changed_is_written_and_equal_values_are_no_change(own_database: Database) -> None:
    made = await make_ticket(own_database, subject="Before")
    async with own_database.session() as session:
        ticket = TICKETS.entity(await (await statements_of(session)).fetch_one(BY_ID))
        assert ticket.status is TicketStatus.OPEN
        update_at_flush(session, ticket)
        with counted() as nothing:
            ticket.subject = "Before"
            await session.flush()
        assert nothing.value == 0
        # Somebody else's column, changed past the entity, stays as it is.
        await session.execute(update(Ticket).values(affected_service="VPN"))
        ticket.subject = "After"
        with counted() as one:
            await session.flush()
            await session.flush()
        assert one.value == 1
    async with own_database.session() as session:
        stored = (await session.execute(select(Ticket).where(Ticket.id == made.id))).scalar_one()
        assert (stored.subject, stored.affected_service) == ("After", "VPN")


async def test_what_postgresql_makes_comes_back(own_database: Database) -> None:
    made = await make_ticket(own_database)
    assert made.reference == f"INC-{made.number}"


async def test_kept_entities_come_before_what_the_orm_adds_beside_them(own_database: Database) -> None:
    ticket = await make_ticket(own_database)
    async with own_database.session() as session:
        comment = a_comment(ticket)
        session.add(CommentMention(comment_id=comment.id, user_id=ticket.submitter_id))
        insert_at_flush(session, comment)
    async with own_database.session() as session:
        assert (await session.execute(select(CommentMention.comment_id))).scalar_one() == comment.id


async def test_a_refusal_is_the_engines_own_and_nothing_stays(own_database: Database) -> None:
    ticket = await make_ticket(own_database)
    stranger = a_comment(ticket)
    stranger.author_id = new_id()

    async def write() -> None:
        async with own_database.session() as session:
            insert_at_flush(session, a_comment(ticket))
            insert_at_flush(session, stranger)

    with pytest.raises(IntegrityError) as refused:
        await write()
    assert getattr(refused.value.orig, "sqlstate", None) == "23503"
    async with own_database.session() as session:
        assert (await session.execute(select(Comment.id))).all() == []


async def test_many_rows_are_one_statement(own_database: Database) -> None:
    ticket = await make_ticket(own_database)
    async with own_database.session() as session:
        with counted() as count:
            await insert_rows(session, [a_comment(ticket) for _ in range(20)])
        assert count.value == 1
    async with own_database.session() as session:
        assert len((await session.execute(select(Comment.id))).all()) == 20


async def test_a_statement_of_ours_may_come_first_in_its_transaction(own_database: Database) -> None:
    """The adapter begins its transaction with its own first statement; ours must not run outside one."""
    user = await make_user(own_database, role=Role.AGENT)
    rename = CompiledStatement(update(type(user)).where(type(user).id == user.id), columns=["name"])

    async def fail() -> None:
        async with own_database.session() as session:
            await (await statements_of(session)).fetch(rename, {"name": "Somebody else"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with own_database.session() as session:
        assert (await session.get_one(type(user), user.id)).name == user.name


async def test_plain_rows_are_written_together_and_only_what_changed_of_them(own_database: Database) -> None:
    ticket = await make_ticket(own_database)
    async with own_database.session() as session:
        clocks = await read_clocks(session, ticket.id)
        with counted() as nothing:
            await write_rows(session)
        assert (len(clocks), nothing.value) == (2, 0)
        # Somebody else's column, changed past the rows, stays as it is.
        await session.execute(update(SlaClock).values(cycle=7))
        for number, one in enumerate(clocks):
            one.fired = [str(number)]
        with counted() as count:
            await write_rows(session)
            await write_rows(session)
        assert count.value == 1
    async with own_database.session() as session:
        stored = (await session.execute(select(SlaClock.id, SlaClock.fired, SlaClock.cycle))).all()
        assert sorted(map(tuple, stored)) == sorted((one.id, one.fired, 7) for one in clocks)


@pytest.mark.parametrize(("rows", "statements"), [(1, 1), (8, 1), (9, 2), (40, 1)])
async def test_plain_rows_keep_their_order_however_many(own_database: Database, rows: int, statements: int) -> None:
    def an_event(number: int) -> NewEvent:
        return NewEvent(
            id=new_id(),
            type="ticket.updated",
            subject_type="ticket",
            subject_id=new_id(),
            ticket_id=None,
            occurred_at=clock.now(),
            actor_kind="system",
            actor_id=None,
            visibility=Visibility.INTERNAL,
            changes={"tags": [[], ["ü", 'a"b']]},
            internal_changes={},
            data={"number": number, "half": 0.5},
            internal_data={},
            cause_event_id=None,
            cause_rule=None,
            cause_depth=0,
            trace_id=None,
        )

    made = [an_event(number) for number in range(rows)]
    async with own_database.session() as session:
        with counted() as count:
            await write_rows(session, list(NEW_EVENTS.inserts(NEW_EVENTS.values(made))))
        assert count.value == statements
    async with own_database.session() as session:
        stored = (await session.execute(select(EventRow).order_by(EventRow.position))).scalars().all()
    assert [(row.id, row.changes, row.data) for row in stored] == [(one.id, one.changes, one.data) for one in made]


async def test_plain_rows_and_events_are_one_statement(own_database: Database) -> None:
    ticket = await make_ticket(own_database)
    async with own_database.session() as session:
        clocks = await read_clocks(session, ticket.id)
        clocks[0].cycle, clocks[1].fired = 3, ["warning:0"]
        await record(session, Principal.system(), SlaWarned(subject_id=clocks[0].id, ticket_id=ticket.id))
        with counted() as count:
            await write_pending(session)
        assert count.value == 1
    async with own_database.session() as session:
        stored = (await session.execute(select(SlaClock.id, SlaClock.cycle, SlaClock.fired))).all()
        assert sorted(map(tuple, stored)) == sorted([(clocks[0].id, 3, []), (clocks[1].id, 1, ["warning:0"])])
        warned = select(EventRow.subject_id).where(EventRow.type == "sla.warned")
        assert (await session.execute(warned)).scalars().all() == [clocks[0].id]


async def test_a_failed_part_takes_its_plain_rows_along(own_database: Database) -> None:
    ticket = await make_ticket(own_database)

    async def fail(session: AsyncSession) -> None:
        async with savepoint(session):
            (await read_clocks(session, ticket.id))[0].cycle = 9
            raise RuntimeError

    async with own_database.session() as session:
        with pytest.raises(RuntimeError):
            await fail(session)
    async with own_database.session() as session:
        assert set((await session.execute(select(SlaClock.cycle))).scalars()) == {1}
