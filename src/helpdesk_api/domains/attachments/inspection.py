"""One file on its way in: counted, digested and judged while it passes, and never held."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk_api.domains.attachments import archives, sniffing
from helpdesk_api.domains.attachments.archives import Entry
from helpdesk_api.domains.attachments.errors import FileEmpty, FilePolyglot
from helpdesk_api.domains.attachments.unpacking import Budget, Content, Walk
from helpdesk_api.web.errors import PayloadTooLarge

_HARMLESS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of a file that may be kept; the digest is SHA-256 in hexadecimal."""

    content_type: str
    size_bytes: int
    sha256: str


class Inspection:
    """Fed with every piece before it is stored, so that a file that is refused at its beginning costs no more."""

    def __init__(self, name: str, *, max_bytes: int) -> None:
        self.name = name
        self._max_bytes = max_bytes
        self._size = 0
        self._digest = hashlib.sha256()
        self._head = b""
        self._tail = bytearray()
        self._content_type: str | None = None
        self._behind: sniffing.Behind | None = None
        self._has_nul = False
        self._budget = Budget(_HARMLESS)
        self._content = Content(self._budget)
        self._entries: Sequence[Entry] = ()

    @property
    def is_costly(self) -> bool:
        """Whether what follows is unpacked to be counted, which takes longer than a loop can wait."""
        return self._size > 0 and not self._content.is_plain

    def feed(self, piece: bytes) -> None:
        """Raises `payload_too_large` `archive_bomb`, `archive_unreadable`, and what `sniffing.judge` does."""
        self._size += len(piece)
        if self._size > self._max_bytes:
            message = f"A file may have at most {self._max_bytes} bytes."
            raise PayloadTooLarge(message)
        self._digest.update(piece)
        # By what has come so far: a bomb behind noise is not unpacked to its end.
        self._budget.allowed = max(_HARMLESS, archives.MAX_RATIO * self._size)
        self._tail += piece
        if len(self._tail) > 2 * archives.TAIL_BYTES:
            del self._tail[: -archives.TAIL_BYTES]
        self._has_nul = self._has_nul or b"\x00" in piece
        self._look_at(piece)
        self._content.feed(piece)

    def _look_at(self, piece: bytes) -> None:
        if self._behind is not None:
            self._behind.feed(piece)
            return
        missing = sniffing.HEAD_BYTES - len(self._head)
        self._head += piece[:missing]
        if len(self._head) == sniffing.HEAD_BYTES:
            self._behind = sniffing.Behind(self._judge())
            # What begins in the one may end in the other.
            self._behind.feed(self._head)
            self._behind.feed(piece[missing:])

    def finish(self) -> Inspected:
        """Raises `file_empty`, `file_polyglot`, and what judging an archive does."""
        if self._size == 0:
            raise FileEmpty
        self._content.finish()
        found = self._content_type or self._judge()
        tail = bytes(self._tail[-archives.TAIL_BYTES :])
        if self._head.startswith(b"PK"):
            self._entries = archives.check(tail, self._size)
        elif sniffing.is_deceptive_with_archive(found) and archives.find_contents(tail, self._size) is not None:
            raise FilePolyglot(params={"content_type": found})
        if found == sniffing.TEXT and self._has_nul and not self._head.startswith((b"\xff\xfe", b"\xfe\xff")):
            found = sniffing.BINARY
        return Inspected(found, self._size, self._digest.hexdigest())

    def walk(self) -> Walk | None:
        """For the whole file once more, when it is an archive: what lies in it counts with it."""
        if not self._entries:
            return None
        budget = Budget(archives.allowed(self._size))
        budget.spend(sum(entry.unpacked for entry in self._entries))
        return Walk(self._entries, budget)

    def _judge(self) -> str:
        self._content_type = sniffing.judge(self.name, self._head)
        return self._content_type
