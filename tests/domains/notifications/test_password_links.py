"""Links that let somebody choose a password: mailed to them, kept nowhere."""

import re

import httpx
from sqlalchemy import select

from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications.enums import MailTemplate
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.integrations.mail.protocol import TemporaryRefusal
from tests.domains.notifications.conftest import PostOffice, html_of, recipients, text_of

LINK = re.compile(r"https://portal\.example/password\?token=(\S+)")


async def test_an_invitation_arrives_and_its_link_works_once(
    database: Database, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, post_office: PostOffice
) -> None:
    body = {"name": "Jutta Neu", "email": "jutta@example.com", "locale": "de"}
    assert (await admin_client.post("/v1/users", json=body)).status_code == 201
    (mail,) = await post_office.round()
    assert recipients([mail]) == ["jutta"]
    assert mail["Subject"] == "Ihr Zugang zu Service Desk"
    (token,) = LINK.findall(text_of(mail))
    assert token in html_of(mail)
    async with database.session() as session:
        stored = (await session.scalars(select(OutboundMail))).one()
    assert stored.template is MailTemplate.INVITATION
    assert token not in stored.text + stored.html
    confirmation = {"token": token, "password": "a-long-Enough-passphrase-7"}
    first = await client.post("/v1/password-resets/confirm", json=confirmation)
    assert first.status_code == 204, first.text
    assert (await client.post("/v1/password-resets/confirm", json=confirmation)).status_code == 422


async def test_after_a_refused_attempt_the_mail_that_arrives_has_the_link_that_works(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, post_office: PostOffice
) -> None:
    post_office.refusals.append(TemporaryRefusal("451 busy"))
    body = {"name": "Jutta Neu", "email": "jutta@example.com"}
    assert (await admin_client.post("/v1/users", json=body)).status_code == 201
    await post_office.round()
    (mail,) = (await admin_client.get("/v1/mail-messages?status=failed")).json()["data"]
    assert (await admin_client.post(f"/v1/mail-messages/{mail['id']}/requeue")).status_code == 200
    (sent,) = await post_office.round()
    (token,) = LINK.findall(text_of(sent))
    confirmation = {"token": token, "password": "a-long-Enough-passphrase-7"}
    assert (await client.post("/v1/password-resets/confirm", json=confirmation)).status_code == 204
