"""Who is told what: the right person, once, in their language, and nothing that is not for their eyes."""

from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.notifications import reactions
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.tickets import actions, events, people
from helpdesk_api.domains.tickets.models import Ticket, TicketWatcher
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.tickets.schemas import TicketCancel, TicketReopen, TicketResolve
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.queue import NewJob, enqueue_many
from helpdesk_api.jobs.tables import queue
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import REACT_JOB
from tests.domains.notifications.conftest import Desk, PostOffice, html_of, recipients, text_of
from tests.factories.records import Make, principal_of

RESOLUTION = TicketResolve(resolution_code="fixed", resolution_text="A new cable.\nPlugged in.")


async def assign(database: Database, ticket: Ticket, to: User | None, *, by: User | None = None) -> None:
    principal = Principal.system() if by is None else await principal_of(database, by)
    async with database.session() as session:
        held, _ = await lock_visible(session, Principal.system(), public_id("tkt", ticket.id))
        values = {"assignee_id": to.id if to is not None else None}
        await actions.apply(session, principal, held, events.TicketAssigned, values)


async def comment(database: Database, ticket: Ticket, by: User, body: str, **options: Any) -> None:
    principal = await principal_of(database, by)
    async with database.session() as session:
        held, is_participant = await lock_visible(session, principal, public_id("tkt", ticket.id))
        said = CommentCreate(body=body, **options)
        await add_comment(session, database, principal, held, said, is_participant=is_participant)


async def act(database: Database, ticket: Ticket, by: User, verb: Any, *body: Any) -> None:
    principal = await principal_of(database, by)
    async with database.session() as session:
        held, _ = await lock_visible(session, principal, public_id("tkt", ticket.id))
        await verb(session, principal, held, *body)


async def share_with(database: Database, user: User, session: Any, principal: Principal, ticket: Ticket) -> None:
    await people.share(session, database, principal, ticket, user.id)


async def mails(database: Database) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(OutboundMail)) or 0


@pytest.fixture
async def ticket(database: Database, desk: Desk, a_ticket: Make, post_office: PostOffice) -> Ticket:
    """Rita's, of the team, with Anna, and old news."""
    made: Ticket = await a_ticket(by=desk.rita, subject="VPN drops", team_id=None)
    async with database.session() as session:
        held, _ = await lock_visible(session, Principal.system(), public_id("tkt", made.id))
        held.team_id, held.assignee_id = desk.team.id, desk.anna.id
    await post_office.round()
    return made


class TestReceipt:
    async def test_the_requester_has_it_in_writing(self, desk: Desk, a_ticket: Make, post_office: PostOffice) -> None:
        made = await a_ticket(by=desk.rita, subject="VPN drops")
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["rita"]
        assert mail["Subject"] == f"[{made.reference}] VPN drops"
        assert made.reference in text_of(mail)
        assert f"https://portal.example/t/{made.reference}" in text_of(mail)
        assert f'href="https://portal.example/t/{made.reference}"' in html_of(mail)

    async def test_german_for_who_reads_german(self, a_user: Make, a_ticket: Make, post_office: PostOffice) -> None:
        jutta = await a_user(name="Jutta", locale="de-AT")
        await a_ticket(by=jutta)
        (mail,) = await post_office.round()
        assert text_of(mail).startswith("Guten Tag Jutta,")
        assert mail["Content-Language"] == "de"

    async def test_an_imported_ticket_is_no_news(
        self, database: Database, desk: Desk, a_ticket: Make, post_office: PostOffice
    ) -> None:
        await a_ticket(occurred_at=datetime(2020, 1, 1, tzinfo=UTC), requester_id=desk.rita.id)
        assert await post_office.round() == []
        assert await mails(database) == 0

    async def test_rolled_back_work_sends_nothing(
        self, database: Database, desk: Desk, post_office: PostOffice
    ) -> None:
        rita = await principal_of(database, desk.rita)

        async def fail() -> None:
            async with database.session() as session:
                ticket = SimpleNamespace(id=new_id(), imported_until=None)
                event = events.TicketConfirmed(subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket)
                await record(session, rita, event)
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert await post_office.round() == []


class TestAssignment:
    async def test_tells_the_assignee_and_the_requester(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await assign(database, ticket, desk.ben, by=desk.anna)
        sent = await post_office.round()
        assert recipients(sent) == ["ben", "rita"]
        by_name = {recipients([mail])[0]: text_of(mail) for mail in sent}
        assert "Anna Agent has assigned" in by_name["ben"]
        assert "Rita Requester" in by_name["ben"]
        assert "Ben Agent is looking after your request" in by_name["rita"]

    async def test_taking_it_oneself_is_no_news_to_oneself(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await assign(database, ticket, desk.ben, by=desk.ben)
        assert recipients(await post_office.round()) == ["rita"]

    async def test_only_the_last_of_a_chain_is_told(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await assign(database, ticket, None)
        await assign(database, ticket, desk.ben)
        await assign(database, ticket, desk.anna)
        assert recipients(await post_office.round()) == ["anna", "rita"]

    async def test_a_ticket_that_comes_with_an_assignee(
        self, desk: Desk, a_ticket: Make, post_office: PostOffice
    ) -> None:
        await a_ticket(requester_id=desk.rita.id, team_id=desk.team.id, assignee_id=desk.anna.id)
        sent = await post_office.round()
        assert recipients(sent) == ["anna", "rita"]
        receipt = next(text_of(mail) for mail in sent if recipients([mail]) == ["rita"])
        assert "Anna Agent is looking after it" in receipt


class TestComments:
    async def test_a_public_reply_reaches_the_requester(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await comment(database, ticket, desk.anna, "Try **again** <now>.")
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["rita"]
        assert "> Try **again** <now>." in text_of(mail)
        assert "<strong>again</strong>" in html_of(mail)
        assert "<now>" not in html_of(mail)

    async def test_the_requesters_reply_reaches_the_assignee(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await comment(database, ticket, desk.rita, "Still broken.")
        assert recipients(await post_office.round()) == ["anna"]

    async def test_an_internal_note_reaches_nobody_but_the_mentioned(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice, a_user: Make
    ) -> None:
        watcher = await a_user(role=Role.AGENT, email="watcher@example.test", teams=[desk.team])
        async with database.session() as session:
            session.add(TicketWatcher(ticket_id=ticket.id, user_id=watcher.id, added_at=clock.now()))
        await comment(
            database, ticket, desk.anna, "She never reboots.", visibility=Visibility.INTERNAL, mention_ids=[desk.ben.id]
        )
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["ben"]
        assert "internal note" in text_of(mail)
        assert "She never reboots." in text_of(mail)

    async def test_a_mention_is_one_mail_not_two(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await comment(database, ticket, desk.anna, "Rita, look.", mention_ids=[desk.rita.id, desk.ben.id])
        sent = await post_office.round()
        assert recipients(sent) == ["ben", "rita"]
        assert all("has mentioned you" in text_of(mail) for mail in sent)

    async def test_participants_are_told_and_watchers_only_what_they_may_read(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice, a_user: Make
    ) -> None:
        helper = await a_user(email="helper@example.test")
        outsider = await a_user(email="outsider@example.test", role=Role.AGENT)
        async with database.session() as session:
            held, _ = await lock_visible(session, Principal.system(), public_id("tkt", ticket.id))
            await people.add_participant(session, database, Principal.system(), held, helper.id)
            for watcher in (outsider, desk.ben):
                session.add(TicketWatcher(ticket_id=ticket.id, user_id=watcher.id, added_at=clock.now()))
        await comment(database, ticket, desk.anna, "News.")
        assert recipients(await post_office.round()) == ["ben", "helper", "rita"]

    async def test_the_deactivated_are_left_in_peace(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        async with database.session() as session:
            rita = await session.get_one(User, desk.rita.id)
            rita.deactivated_at = clock.now()
        await comment(database, ticket, desk.anna, "Anybody there?")
        assert await post_office.round() == []


class TestEndings:
    async def test_a_resolution_comes_with_its_text(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await act(database, ticket, desk.anna, actions.resolve_ticket, RESOLUTION)
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["rita"]
        assert "> A new cable.\n> Plugged in." in text_of(mail).replace("\r\n", "\n")
        assert "A new cable.<br>Plugged in." in html_of(mail)

    async def test_confirming_is_not_answered_with_a_mail(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await act(database, ticket, desk.anna, actions.resolve_ticket, RESOLUTION)
        await post_office.round()
        await act(database, ticket, desk.rita, actions.confirm_ticket)
        assert await post_office.round() == []

    async def test_reopening_reaches_the_assignee_with_the_reason(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await act(database, ticket, desk.anna, actions.resolve_ticket, RESOLUTION)
        await post_office.round()
        await act(database, ticket, desk.rita, actions.reopen_ticket, TicketReopen(reason="It is back."))
        (mail,) = await post_office.round()
        assert recipients([mail]) == ["anna"]
        assert "> It is back." in text_of(mail)

    async def test_a_reply_that_reopens_is_one_mail(
        self, database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
    ) -> None:
        await act(database, ticket, desk.anna, actions.resolve_ticket, RESOLUTION)
        await post_office.round()
        await comment(database, ticket, desk.rita, "It is back.")
        assert recipients(await post_office.round()) == ["anna"]

    async def test_closing_and_cancelling_reach_the_requester(
        self, database: Database, desk: Desk, ticket: Ticket, a_ticket: Make, post_office: PostOffice
    ) -> None:
        other = await a_ticket(requester_id=desk.rita.id, team_id=desk.team.id)
        await post_office.round()
        await act(database, ticket, desk.anna, actions.resolve_ticket, RESOLUTION)
        await post_office.round()
        await act(database, ticket, desk.anna, actions.close_ticket)
        await act(database, other, desk.anna, actions.cancel_ticket, TicketCancel(reason="A duplicate."))
        closed, cancelled = await post_office.round()
        assert recipients([closed, cancelled]) == ["rita", "rita"]
        assert "is now closed" in text_of(closed)
        assert "> A duplicate." in text_of(cancelled)


@pytest.mark.usefixtures("post_office")
async def test_every_reaction_run_twice_changes_nothing_more(
    database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
) -> None:
    await assign(database, ticket, desk.ben)
    await comment(database, ticket, desk.ben, "Look, @anna.", mention_ids=[desk.anna.id])
    await comment(database, ticket, desk.rita, "Thanks.")
    await act(database, ticket, desk.ben, actions.resolve_ticket, RESOLUTION)
    await act(database, ticket, desk.rita, actions.reopen_ticket, TicketReopen(reason="Again."))
    await act(database, ticket, desk.ben, actions.resolve_ticket, RESOLUTION)
    await act(database, ticket, desk.ben, actions.close_ticket)
    await act(database, ticket, desk.ben, partial(share_with, database, desk.anna))
    await post_office.round()
    written, sent = await mails(database), len(post_office.sent)
    assert written == sent
    told = [name for name in vars(reactions) if name.startswith("tell_of_")]
    async with database.session() as session:
        found = await session.scalars(select(EventRow))
        again = [
            NewJob(
                name=REACT_JOB,
                payload={"event_id": row.id.hex, "reaction": f"notifications.reactions.{name}"},
            )
            for row in found
            for name in told
            if _concerns(name, row.type)
        ]
        await enqueue_many(session, again)
    assert len(again) >= 10
    await post_office.round()
    assert (await mails(database), len(post_office.sent)) == (written, sent)
    async with database.session() as session:
        assert (await session.execute(select(queue.c.id))).all() == []


def _concerns(reaction: str, event_type: str) -> bool:
    types = {
        "tell_of_receipt": {"ticket.created"},
        "tell_of_comment": {"comment.created"},
        "tell_of_resolution": {"ticket.resolved"},
        "tell_of_reopening": {"ticket.reopened"},
        "tell_of_closing": {"ticket.closed"},
        "tell_of_cancellation": {"ticket.cancelled"},
        "tell_of_assignment": {"ticket.created", "ticket.assigned"},
        "tell_of_service_level": {"sla.warned", "sla.breached", "sla.escalated"},
        "tell_of_sharing": {"ticket.collaborator_added"},
        "tell_of_reminder": {"ticket.reminder_due"},
        "tell_of_article_review": {"article.review_due"},
    }
    return event_type in types[reaction]
