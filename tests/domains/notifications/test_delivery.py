"""Delivery: refused mail comes back later under the same name, hopeless mail is seen and can be tried again."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.notifications.delivery import PAUSES
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.posting import Letter, post
from helpdesk_api.domains.notifications.recipients import load_recipients
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.integrations.mail.protocol import PermanentRefusal, TemporaryRefusal
from helpdesk_api.integrations.mail.smtp import SmtpTransport
from helpdesk_api.worker import drain
from tests.domains.notifications.conftest import Desk, PostOffice, recipients
from tests.factories.records import Make
from tests.fixtures.clients import posted_twice
from tests.fixtures.mail_server import mail_server

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def write(database: Database, ticket: Ticket, to: User) -> None:
    async with database.session() as session:
        people = await load_recipients(session, {to.id})
        letter = Letter(template=MailTemplate.CLOSED, to=people[to.id], facts={"actor": None}, ticket=ticket)
        await post(session, new_id(), [letter])


async def only_mail(database: Database) -> OutboundMail:
    async with database.session() as session:
        return (await session.scalars(select(OutboundMail))).one()


@pytest.fixture
async def ticket(database: Database, a_ticket: Make, desk: Desk, post_office: PostOffice) -> Ticket:
    """Without the mails of its opening."""
    made: Ticket = await a_ticket(by=desk.rita, occurred_at=None)
    await post_office.round()
    post_office.sent.clear()
    async with database.session() as session:
        for mail in await session.scalars(select(OutboundMail)):
            await session.delete(mail)
    return made


async def test_a_refused_mail_is_tried_again_later_under_the_same_name(
    database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
) -> None:
    post_office.refusals.extend([TemporaryRefusal("451 busy"), TemporaryRefusal("451 busy still")])
    with clock.frozen(NOON) as moment:
        await write(database, ticket, desk.rita)
        assert await post_office.round() == []
        waiting = await only_mail(database)
        assert (waiting.status, waiting.attempts, waiting.last_error) == (MailStatus.FAILED, 1, "451 busy")
        assert waiting.next_attempt_at == NOON + PAUSES[0]
        assert await post_office.round() == []
        moment.advance(seconds=PAUSES[0].total_seconds())
        await post_office.round()
        moment.advance(seconds=PAUSES[1].total_seconds())
        (sent,) = await post_office.round()
    mail = await only_mail(database)
    assert (mail.status, mail.attempts, mail.last_error) == (MailStatus.SENT, 3, None)
    assert sent["Message-ID"] == mail.message_id == waiting.message_id


async def test_a_real_server_that_says_451_and_then_takes_it(database: Database, desk: Desk, ticket: Ticket) -> None:
    async with mail_server() as server:
        server.answers["DATA"] = ["451 try later"]
        transport = SmtpTransport(f"smtp://127.0.0.1:{server.port}")
        delivery.use_transport(transport)
        with clock.frozen(NOON) as moment:
            await write(database, ticket, desk.rita)
            await drain(database)
            assert server.taken == []
            moment.advance(seconds=PAUSES[0].total_seconds())
            await drain(database)
            await drain(database)
        await transport.close()
    assert len(server.taken) == 1


async def test_mail_that_is_refused_for_good_is_a_dead_letter_at_once(
    database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
) -> None:
    post_office.refusals.append(PermanentRefusal("550 no such person"))
    await write(database, ticket, desk.rita)
    await post_office.round()
    mail = await only_mail(database)
    assert (mail.status, mail.last_error, mail.next_attempt_at) == (MailStatus.DEAD, "550 no such person", None)


async def test_patience_ends(database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice) -> None:
    post_office.refusals.extend([TemporaryRefusal("451 busy")] * 20)
    with clock.frozen(NOON) as moment:
        await write(database, ticket, desk.rita)
        for _ in range(20):
            await post_office.round()
            moment.advance(days=2)
    mail = await only_mail(database)
    assert (mail.status, mail.attempts) == (MailStatus.DEAD, len(PAUSES) + 1)


async def test_who_was_deactivated_meanwhile_gets_nothing(
    database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
) -> None:
    await write(database, ticket, desk.rita)
    async with database.session() as session:
        (await session.get_one(User, desk.rita.id)).deactivated_at = clock.now()
    assert await post_office.round() == []
    assert (await only_mail(database)).status is MailStatus.DEAD


async def test_a_job_that_comes_twice_sends_once(
    database: Database, desk: Desk, ticket: Ticket, post_office: PostOffice
) -> None:
    await write(database, ticket, desk.rita)
    assert len(await post_office.round()) == 1
    async with database.session() as session:
        await delivery.deliver(session, {"mail_id": (await only_mail(database)).id.hex})
    assert len(post_office.sent) == 1


class TestOverHttp:
    async def test_a_dead_letter_is_seen_and_tried_again(
        self,
        database: Database,
        desk: Desk,
        ticket: Ticket,
        post_office: PostOffice,
        admin_client: httpx.AsyncClient,
    ) -> None:
        post_office.refusals.append(PermanentRefusal("550 no such person"))
        await write(database, ticket, desk.rita)
        await post_office.round()
        listed = (await admin_client.get("/v1/mail-messages?status=dead")).json()["data"]
        assert [(mail["to_address"], mail["last_error"]) for mail in listed] == [
            ("rita@example.test", "550 no such person")
        ]
        place = f"/v1/mail-messages/{listed[0]['id']}"
        reply = await posted_twice(admin_client, f"{place}/requeue")
        assert (reply.status_code, reply.json()["status"]) == (200, "queued")
        assert recipients(await post_office.round()) == ["rita"]
        sent = await admin_client.get(place)
        assert sent.json()["status"] == "sent"
        held = {"If-None-Match": sent.headers["etag"]}
        assert (await admin_client.get(place, headers=held)).status_code == 304
        again = await admin_client.post(f"{place}/requeue")
        assert (again.status_code, again.json()["code"]) == (409, "mail_already_sent")

    async def test_pages_and_filters(
        self,
        database: Database,
        desk: Desk,
        ticket: Ticket,
        admin_client: httpx.AsyncClient,
        post_office: PostOffice,
    ) -> None:
        for person in (desk.rita, desk.anna, desk.ben):
            await write(database, ticket, person)
        await post_office.round()
        names: list[str] = []
        url: str | None = "/v1/mail-messages?limit=2"
        while url is not None:
            page: dict[str, Any] = (await admin_client.get(url)).json()
            names += [mail["to_address"].partition("@")[0] for mail in page["data"]]
            url = f"/v1/mail-messages?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else None
        assert names == ["ben", "anna", "rita"]
        filters = (
            f"recipient_id={public_id('usr', desk.anna.id)}&ticket_id={public_id('tkt', ticket.id)}&template=closed"
        )
        page = (await admin_client.get(f"/v1/mail-messages?{filters}&include_total=true")).json()
        assert ([mail["to_address"] for mail in page["data"]], page["total"]) == (["anna@example.test"], 1)

    @pytest.mark.parametrize("method_and_path", ["GET ", f"GET /mai_{1:032x}", f"POST /mai_{1:032x}/requeue"])
    async def test_is_for_operators(self, method_and_path: str, supervisor_client: httpx.AsyncClient) -> None:
        method, _, path = method_and_path.partition(" ")
        reply = await supervisor_client.request(method, f"/v1/mail-messages{path}")
        assert (reply.status_code, reply.json()["code"]) == (403, "missing_scope")

    async def test_an_unknown_mail_is_not_found(self, admin_client: httpx.AsyncClient) -> None:
        for method, path in (("GET", ""), ("POST", "/requeue")):
            reply = await admin_client.request(method, f"/v1/mail-messages/{public_id('mai', new_id())}{path}")
            assert (reply.status_code, reply.json()["code"]) == (404, "mail_message_not_found")
