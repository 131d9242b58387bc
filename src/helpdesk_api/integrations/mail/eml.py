"""Without a mail server: every message becomes one file, named by its Message-ID, and so exists once."""

import asyncio
import os
import re
import tempfile
from email.message import EmailMessage
from pathlib import Path

from helpdesk_api.integrations.mail.protocol import PermanentRefusal, TemporaryRefusal

_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")
_NAME_LIMIT = 200


class EmlFolder:
    """Writes `<folder>/<message id>.eml`, whole or not at all, also when killed at any point."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        await asyncio.to_thread(self._write, message)

    async def close(self) -> None:
        return None

    def _write(self, message: EmailMessage) -> None:
        name = _UNSAFE.sub("_", str(message["Message-ID"]).strip("<>")).lstrip(".")[:_NAME_LIMIT]
        if not name:
            missing = "a message without a Message-ID"
            raise PermanentRefusal(missing)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            target = self._folder / f"{name}.eml"
            self._put(target, message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
        except OSError as error:
            raise TemporaryRefusal(str(error)) from error

    def _put(self, target: Path, content: bytes) -> None:
        descriptor, draft = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A rename in one folder is atomic: readers see no file or the whole of it. A repeated attempt replaces
            # the file, since a link in it may have been made anew.
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
