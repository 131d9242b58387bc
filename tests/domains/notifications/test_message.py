"""The MIME message: stable over attempts, threaded, marked as a machine's, and closed to injected headers."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.domains.notifications.identity import MailIdentity, sender_of
from helpdesk_api.domains.notifications.message import SECRET, build, message_id, thread_id
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.rendering import (
    LANGUAGES,
    Quote,
    day_text,
    language_of,
    one_line,
    render,
)

IDENTITY = MailIdentity(sender_of("Tante Änne <desk@desk.example>"), "https://x/{reference}", "https://x/{token}")
FACTS = {
    "recipient": "Rita",
    "sender": "Desk",
    "address": "rita@example.test",
    "reference": "INC-7",
    "title": "It <b>burns</b>",
    "actor": "Anna",
    "assignee": "Ben",
    "team": "Network",
    "priority": "high",
    "requester": "Rita",
    "internal": False,
    "closes_on": "1 May 2030",
    "what": "warned",
    "metric": "resolution",
    "due": "2 March 2026 12:00",
    "article": "Printing",
    "article_id": "art_1",
    "host": "hooks.example.test",
    "description": "Ours",
    "gone": False,
    "disabled": False,
}


def a_mail(**values: Any) -> OutboundMail:
    mail_id, ticket_id = new_id(), new_id()
    defaults = {
        "id": mail_id,
        "event_id": new_id(),
        "template": MailTemplate.REPLIED,
        "recipient_id": new_id(),
        "ticket_id": ticket_id,
        "to_name": "Rita",
        "to_address": "rita@example.test",
        "message_id": message_id(mail_id, "desk.example"),
        "subject": "[INC-7] It burns",
        "text": "Hello",
        "html": "<p>Hello</p>",
        "headers": {"Content-Language": "en", "References": thread_id(ticket_id, "desk.example")},
        "status": MailStatus.QUEUED,
        "created_at": datetime(2030, 1, 1, 12, tzinfo=UTC),
    }
    return OutboundMail(**{**defaults, **values})


def parsed(message: EmailMessage) -> Any:
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def test_every_attempt_sends_the_same_bytes() -> None:
    mail = a_mail()
    assert build(mail, IDENTITY).as_bytes() == build(mail, IDENTITY).as_bytes()


def test_is_marked_as_a_machines_and_threaded() -> None:
    mail = a_mail()
    message = parsed(build(mail, IDENTITY))
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Message-ID"] == f"<mai_{mail.id.hex}@desk.example>"
    assert mail.ticket_id is not None
    assert message["References"] == f"<tkt_{mail.ticket_id.hex}@desk.example>"
    assert message["Date"].datetime == mail.created_at
    assert message["From"].addresses[0].display_name == "Tante Änne"


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
def test_no_header_can_be_injected(breaks: str) -> None:
    evil = f"Hi{breaks}Bcc: everybody@example.test"
    mail = a_mail(subject=evil, to_name=evil, headers={"References": evil})
    message = parsed(build(mail, IDENTITY))
    assert message["Bcc"] is None
    assert message["Subject"] == "Hi Bcc: everybody@example.test"
    assert [address.addr_spec for address in message["To"].addresses] == ["rita@example.test"]


def test_nothing_that_was_written_is_decoded() -> None:
    evil = "=?utf-8?q?x=0D=0ABcc:_victim@example.org?="
    message = parsed(build(a_mail(subject=evil, to_name=evil, headers={"References": evil}), IDENTITY))
    shown = "= ?utf-8?q?x=0D=0ABcc:_victim@example.org?="
    assert (message["Subject"], message["To"].addresses[0].display_name) == (shown, shown)
    assert build(a_mail(subject=evil), IDENTITY)["Subject"] == shown
    assert one_line("What is x=? And y?") == "What is x=? And y?"


def test_long_and_foreign_subjects_survive() -> None:
    subject = "[INC-7] " + "Übergrößenträger " * 12
    assert parsed(build(a_mail(subject=subject), IDENTITY))["Subject"] == one_line(subject)


# What the older standard makes of ß is somebody else's domain.
@pytest.mark.parametrize(
    ("domain", "written"),
    [("büro.example", "xn--bro-hoa.example"), ("straße.example.com", "xn--strae-oqa.example.com")],
)
def test_a_domain_beyond_ascii_is_written_as_it_was_checked(domain: str, written: str) -> None:
    message = build(a_mail(to_address=f"rita@{domain}"), IDENTITY)
    assert parsed(message)["To"].addresses[0].domain == written
    assert sender_of(f"Desk <desk@{domain}>").domain == written


@pytest.mark.parametrize("name", ["Jörg", "E"])
def test_an_address_beyond_ascii_is_written_and_not_encoded(name: str) -> None:
    mail = a_mail(to_name=name, to_address="jörg@büro.example", subject="Grüße")
    head = build(mail, IDENTITY).as_bytes().partition(b"\r\n\r\n")[0].decode()
    assert f"To: {name} <jörg@xn--bro-hoa.example>\r\n" in head
    assert "Grüße" in head
    # Where it can do without, it asks nothing of the servers on the way.
    assert build(a_mail(to_name="Jörg"), IDENTITY).as_bytes().isascii()


def test_the_secret_is_only_in_the_message() -> None:
    mail = a_mail(text=f"Go to https://x/{SECRET}", html=f'<a href="https://x/{SECRET}">')
    assert "tok123" in build(mail, IDENTITY, secret="tok123").as_string()
    assert "tok123" not in mail.text + mail.html


def test_only_our_own_mark_becomes_the_secret() -> None:
    comment = a_mail(text=f"Set PASSWORD={SECRET}", html=f"<p>Set PASSWORD={SECRET}</p>")
    assert build(comment, IDENTITY).as_string().count(f"PASSWORD={SECRET}") == 2
    named = a_mail(text=f"Hello {SECRET}, https://x/{SECRET}", html=f'{SECRET} <a href="https://x/{SECRET}">')
    sent = build(named, IDENTITY, secret="tok123").as_string()
    assert (sent.count("x/tok123"), sent.count("tok123"), sent.count(SECRET)) == (2, 2, 2)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", MailTemplate)
def test_every_template_says_something_in_every_language(template: MailTemplate, language: str) -> None:
    rendered = render(template, language, FACTS, quote=Quote.plain("a < b"), link="https://x/1?a=b&c=d")
    assert rendered.text.startswith(("Hello Rita,", "Guten Tag Rita,"))
    assert "a < b" in rendered.text
    assert "a &lt; b" in rendered.html
    assert "https://x/1?a=b&c=d" in rendered.text
    assert 'href="https://x/1?a=b&amp;c=d"' in rendered.html
    assert "<b>" not in rendered.html
    assert "{{" not in rendered.text + rendered.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_escaped(language: str) -> None:
    facts = {**FACTS, "actor": "<script>alert(1)</script>", "recipient": "<i>"}
    rendered = render(MailTemplate.REPLIED, language, facts, quote=None, link=None)
    assert "<script>" not in rendered.html
    assert "<i>" not in rendered.html


def test_languages_and_days() -> None:
    assert [language_of(tag) for tag in ("de", "de-CH", "DE_at", "fr", None, "den")] == [
        "de",
        "de",
        "de",
        "en",
        "en",
        "en",
    ]
    instant = datetime(2030, 5, 1, 23, 30, tzinfo=UTC)
    assert day_text(instant, "en", "UTC") == "1 May 2030"
    assert day_text(instant, "de", "Europe/Berlin") == "02.05.2030"
