"""SMTP by aiosmtplib: few connections, kept and used again."""

import asyncio
from email.message import EmailMessage
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from helpdesk_api.integrations.mail.protocol import PermanentRefusal, TemporaryRefusal

DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
TIMEOUT_SECONDS = 30.0
IDLE_LIMIT = 4
_PERMANENT = 500

StartTls = Literal["auto", "require", "never"]


class InvalidSmtpUrl(ValueError):
    """`smtp[s]://[user:password@]host[:port][?starttls=auto|require|never]`."""


class SmtpTransport:
    """`smtps` speaks TLS from the start; `smtp` upgrades where offered, and must before a password is sent."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        starttls = parse_qs(parts.query).get("starttls", ["auto"])[-1]
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or starttls not in ("auto", "require", "never"):
            raise InvalidSmtpUrl(InvalidSmtpUrl.__doc__)
        self._host = parts.hostname
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._tls_at_once = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else ""
        self._starttls = _starttls(starttls, has_password=self._user is not None)
        self._timeout = timeout
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, message: EmailMessage) -> None:
        connection: aiosmtplib.SMTP | None = None
        try:
            connection = await self._connection()
            await connection.send_message(message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if connection is not None:
                connection.close()
            raise _refusal(error) from error
        if len(self._idle) < IDLE_LIMIT:
            self._idle.append(connection)
        else:
            connection.close()

    async def ping(self) -> None:
        """Connects, greets and signs in as for a message, and sends none. Raises a refusal."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connect()
                try:
                    await connection.ehlo()
                finally:
                    connection.close()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _refusal(error) from error

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.noop()
            except (aiosmtplib.SMTPException, OSError):
                connection.close()
            else:
                return connection
        return await self._connect()

    async def _connect(self) -> aiosmtplib.SMTP:
        connection = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls_at_once,
            start_tls=False if self._tls_at_once else self._starttls,
            timeout=self._timeout,
        )
        try:
            await connection.connect()
            if self._user is not None:
                await connection.login(self._user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection


def _starttls(wish: str, *, has_password: bool) -> bool | None:
    if wish == "never":
        return False
    return True if wish == "require" or has_password else None


def _refusal(error: Exception) -> TemporaryRefusal | PermanentRefusal:
    """Permanent only when the server judged this message; a wrong password or a closed door is for the operator."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    text = str(error) or type(error).__name__
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return PermanentRefusal(text)
    if isinstance(
        error,
        aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError,
    ):
        text = f"{error.code} {error.message}"
        return PermanentRefusal(text) if error.code >= _PERMANENT else TemporaryRefusal(text)
    return TemporaryRefusal(text)
