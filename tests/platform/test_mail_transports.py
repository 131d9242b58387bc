"""Mail transports against a real SMTP server and a real folder."""

import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydantic import SecretStr

from helpdesk_api import doctor
from helpdesk_api.config import Settings
from helpdesk_api.integrations.mail.eml import EmlFolder
from helpdesk_api.integrations.mail.protocol import PermanentRefusal, TemporaryRefusal
from helpdesk_api.integrations.mail.smtp import InvalidSmtpUrl, SmtpTransport
from tests.fixtures.mail_server import mail_server

pytestmark = pytest.mark.enable_socket


def a_message(name: str = "one", to: str = "rita@example.test") -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "desk@example.test"
    message["To"] = to
    message["Subject"] = "Grüße"
    message["Message-ID"] = f"<{name}@example.test>"
    message.set_content("Hallo")
    return message


class TestSmtp:
    async def test_a_message_arrives_whole(self) -> None:
        async with mail_server() as server:
            transport = SmtpTransport(f"smtp://127.0.0.1:{server.port}")
            await transport.send(a_message())
            await transport.close()
        (taken,) = server.taken
        message = message_from_bytes(taken, policy=policy.default)
        assert (message["Subject"], message["Message-ID"]) == ("Grüße", "<one@example.test>")
        assert message.get_content().strip() == "Hallo"

    async def test_connections_are_used_again(self) -> None:
        async with mail_server() as server:
            transport = SmtpTransport(f"smtp://127.0.0.1:{server.port}")
            for n in range(3):
                await transport.send(a_message(f"m{n}"))
            await transport.close()
        assert (len(server.taken), len(server.sessions)) == (3, 1)

    @pytest.mark.parametrize("verb", ["RCPT", "DATA"])
    @pytest.mark.parametrize(
        ("answer", "refusal"),
        [("451 later", TemporaryRefusal), ("550 no such person", PermanentRefusal)],
    )
    async def test_a_refusal_says_whether_to_come_back(self, verb: str, answer: str, refusal: type[Exception]) -> None:
        async with mail_server() as server:
            server.answers[verb] = [answer]
            transport = SmtpTransport(f"smtp://127.0.0.1:{server.port}")
            with pytest.raises(refusal, match=answer):
                await transport.send(a_message())
            await transport.send(a_message())
            await transport.close()
        assert len(server.taken) == 1

    async def test_an_address_beyond_ascii_takes_a_server_that_knows_them(self) -> None:
        message = a_message(to="jörg@example.test")
        async with mail_server() as server, mail_server(knows_utf8=False) as old:
            transport = SmtpTransport(f"smtp://127.0.0.1:{server.port}")
            await transport.send(message)
            await transport.close()
            transport = SmtpTransport(f"smtp://127.0.0.1:{old.port}")
            with pytest.raises(PermanentRefusal, match="SMTPUTF8 is not supported"):
                await transport.send(message)
            await transport.close()
        assert "To: jörg@example.test\r\n".encode() in server.taken[0]
        assert old.taken == []

    async def test_a_server_that_is_down_is_a_passing_thing(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            transport = SmtpTransport(f"smtp://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(TemporaryRefusal):
                await transport.send(a_message())

    async def test_a_connection_that_died_idle_is_replaced(self) -> None:
        async with mail_server() as first:
            transport = SmtpTransport(f"smtp://127.0.0.1:{first.port}")
            await transport.send(a_message())
            for connection in transport._idle:
                connection.close()
            await transport.send(a_message("two"))
            await transport.close()
        assert len(first.taken) == 2

    async def test_a_wrong_password_does_not_condemn_the_mail(self) -> None:
        async with mail_server(password="right") as server:
            transport = SmtpTransport(f"smtp://desk:wrong@127.0.0.1:{server.port}?starttls=never")
            with pytest.raises(TemporaryRefusal):
                await transport.send(a_message())
            transport = SmtpTransport(f"smtp://desk:right@127.0.0.1:{server.port}?starttls=never")
            await transport.send(a_message())
            await transport.close()
        assert len(server.taken) == 1

    async def test_doctor_asks_the_server_and_sends_nothing(self) -> None:
        async with mail_server(password="right") as server:
            told = [
                await doctor._mail(Settings(_env_file=None, smtp_url=SecretStr(url)))
                for url in (
                    f"smtp://desk:right@127.0.0.1:{server.port}?starttls=never",
                    f"smtp://desk:wrong@127.0.0.1:{server.port}?starttls=never",
                    f"smtp://127.0.0.1:{server.port}?starttls=require",
                    "smtp://127.0.0.1:1",
                )
            ]
        assert [finding.is_good for finding in told] == [True, False, False, False]
        assert "535" in told[1].text
        assert server.taken == []

    async def test_a_password_is_not_sent_in_the_clear_unless_allowed(self) -> None:
        async with mail_server(password="right") as server:
            transport = SmtpTransport(f"smtp://desk:right@127.0.0.1:{server.port}")
            with pytest.raises(TemporaryRefusal, match=r"(?i)starttls"):
                await transport.send(a_message())
        assert server.taken == []

    @pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://x?starttls=perhaps", "x"])
    def test_a_wrong_url_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidSmtpUrl):
            SmtpTransport(url)


def eml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    """A file where the folder should be."""
    (tmp_path / "mail").touch()
    return tmp_path / "mail"


class TestEmlFolder:
    async def test_a_message_becomes_one_file_however_often_it_is_sent(self, tmp_path: Path) -> None:
        folder = EmlFolder(tmp_path / "mail")
        for _ in range(3):
            await folder.send(a_message())
        (file,) = eml_files(tmp_path)
        assert file.name == "one@example.test.eml"
        assert message_from_bytes(file.read_bytes(), policy=policy.default)["Subject"] == "Grüße"

    async def test_an_address_beyond_ascii_is_written_and_not_encoded(self, tmp_path: Path) -> None:
        message = a_message(to="jörg@example.test")
        message.policy = policy.SMTPUTF8
        await EmlFolder(tmp_path).send(message)
        (file,) = eml_files(tmp_path)
        assert "\r\nTo: jörg@example.test\r\n".encode() in file.read_bytes()

    async def test_a_name_stays_inside_the_folder(self, tmp_path: Path) -> None:
        message = a_message()
        message.replace_header("Message-ID", "<../../etc/passwd@x>")
        await EmlFolder(tmp_path / "mail").send(message)
        assert [file.parent for file in eml_files(tmp_path)] == [tmp_path / "mail"]

    async def test_a_folder_that_cannot_be_written_is_a_passing_thing(self, in_the_way: Path) -> None:
        with pytest.raises(TemporaryRefusal):
            await EmlFolder(in_the_way).send(a_message())
