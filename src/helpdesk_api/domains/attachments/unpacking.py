"""What a file unpacks to, the archives in it included: counted to its end while it passes, and hardly ever held."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from helpdesk_api.domains.attachments import archives
from helpdesk_api.domains.attachments.archives import Entry
from helpdesk_api.domains.attachments.errors import ArchiveBomb, ArchiveUnreadable

# An archive, what lies in it, and so on: people pack what was packed, and seldom a third time.
MAX_DEPTH = 4
_PEEK, _PIECE = 512, 65_536
# Of a tape archive; enough also to tell the others by.
_BLOCK = 512
_WITHOUT_CONTENT = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL = struct.Struct("<4s5H3I2H")
_BROKEN = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
_STREAMS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b\x08", lambda: zlib.decompressobj(31)),
    (b"BZh", bz2.BZ2Decompressor),
    # As much as `xz -9` asks for.
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=96 * 1024 * 1024)),
)
_METHODS: dict[int, Callable[[], Any]] = {
    archives.DEFLATED: lambda: zlib.decompressobj(-15),
    archives.BZIP2: bz2.BZ2Decompressor,
}


class Budget:
    """How many bytes a file may unpack to, whatever its parts are called."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self._spent = 0

    def spend(self, count: int) -> None:
        """Raises `archive_bomb`."""
        self._spent += count
        if self._spent > self.allowed:
            raise ArchiveBomb(params={"reason": "ratio"})


class _Layer(Protocol):
    def feed(self, piece: bytes | memoryview) -> None: ...

    def finish(self) -> None: ...


class Content:
    """Something of any kind; its first bytes say whether it is packed in turn, and its name does not matter."""

    def __init__(self, budget: Budget, depth: int = 0, *, is_unpacked: bool = False) -> None:
        self.is_plain = False
        self._budget = budget
        self._depth = depth
        self._is_unpacked = is_unpacked
        self._head = b""
        self._layer: _Layer | None = None

    def feed(self, piece: bytes | memoryview) -> None:
        """Raises `archive_bomb` and `archive_unreadable`, as finishing does."""
        if self.is_plain:
            return
        if self._layer is not None:
            self._layer.feed(piece)
            return
        self._head += bytes(piece)
        if len(self._head) >= _BLOCK:
            self._begin()

    def finish(self) -> None:
        if self._layer is None and not self.is_plain:
            self._begin()
        if self._layer is not None:
            self._layer.finish()

    def _begin(self) -> None:
        make = next((make for mark, make in _STREAMS if self._head.startswith(mark)), None)
        # The outermost archive is gone through when it lies in the store: its table stands at its end.
        is_zip = self._depth > 0 and self._head.startswith(_ZIPS)
        is_tar = _told_size(self._head[:_BLOCK]) is not None
        head, self._head = self._head, b""
        if make is None and not is_zip and not is_tar:
            self.is_plain = True
            return
        if self._depth >= MAX_DEPTH:
            raise ArchiveBomb(params={"reason": "nested"})
        if make is not None:
            self._layer = _Stream(make, self._budget, self._depth)
        elif is_zip:
            self._layer = _Zip(self._budget, self._depth)
        else:
            # With what it was packed in it is one archive, as people see it.
            self._layer = _Tar(self._budget, self._depth if self._is_unpacked else self._depth + 1)
        self._layer.feed(head)


class _Stream:
    """One packed file or several behind each other, as gzip, bzip2 and xz allow."""

    def __init__(self, make: Callable[[], Any], budget: Budget, depth: int) -> None:
        self._make = make
        self._unpacker: Any = None
        self._budget = budget
        self._content = Content(budget, depth + 1, is_unpacked=True)
        self._is_broken = False

    def feed(self, piece: bytes | memoryview) -> None:
        given = bytes(piece)
        while given and not self._is_broken:
            if self._unpacker is None:
                # Between two of them there may be padding.
                given = given.lstrip(b"\x00")
                if not given:
                    return
                self._unpacker = self._make()
            given = self._member(given)

    def _member(self, given: bytes) -> bytes:
        """What is left behind the end of this one."""
        try:
            for made in _unpacked(self._unpacker, given):
                self._budget.spend(len(made))
                self._content.feed(made)
        except _BROKEN as error:
            if "limit" in str(error):
                raise ArchiveUnreadable from error
            self._is_broken = True
            return b""
        if not self._unpacker.eof:
            return b""
        left: bytes = self._unpacker.unused_data
        self._unpacker = None
        return left

    def finish(self) -> None:
        self._content.finish()


class _Tar:
    """Files behind each other in blocks, each behind one that tells its size. What stands where such a header should
    is gone into all the same: there are several ways to tell a size, and readers that look for the next header."""

    def __init__(self, budget: Budget, depth: int) -> None:
        self._budget = budget
        self._depth = depth
        self._content = Content(budget, depth)
        self._owed = 0
        self._waiting = bytearray()

    def feed(self, piece: bytes | memoryview) -> None:
        self._waiting += piece
        place, whole = 0, bytes(self._waiting)
        while self._owed or len(whole) - place >= _BLOCK:
            taken = whole[place : place + (self._owed or _BLOCK)]
            if not taken:
                break
            place += len(taken)
            self._take(taken)
        del self._waiting[:place]

    def _take(self, taken: bytes) -> None:
        size = _told_size(taken) if not self._owed else None
        if size is None:
            self._owed = max(self._owed - len(taken), 0)
            self._content.feed(taken)
            return
        self._content.finish()
        self._content = Content(self._budget, self._depth)
        self._owed = -(-size // _BLOCK) * _BLOCK

    def finish(self) -> None:
        self._content.feed(bytes(self._waiting))
        self._content.finish()


def _told_size(block: bytes) -> int | None:
    """Of the file behind this header (POSIX ustar, and what came before and after it); none where it is no header,
    whose sum of bytes it names itself."""
    name = block[148:156].strip(b" \x00")
    if len(block) < _BLOCK or not name.isdigit():
        return None
    try:
        if int(name, 8) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
            return None
        told = block[124:136]
        # Links, devices and folders have nothing behind them, whatever they tell.
        if block[156:157] in _WITHOUT_CONTENT:
            return 0
        return int.from_bytes(told[1:]) if told[0] & 0x80 else int(told.strip(b" \x00") or b"0", 8)
    except ValueError:
        return None


class _Zip:
    """An archive in another one. What is small enough is gone through in turn; of others their own table counts."""

    def __init__(self, budget: Budget, depth: int) -> None:
        self._budget = budget
        self._depth = depth
        self._size = 0
        self._tail = bytearray()

    def feed(self, piece: bytes | memoryview) -> None:
        self._size += len(piece)
        self._tail += piece
        if len(self._tail) > 2 * archives.TAIL_BYTES:
            del self._tail[: -archives.TAIL_BYTES]

    def finish(self) -> None:
        is_whole = len(self._tail) == self._size
        tail = bytes(self._tail if is_whole else self._tail[-archives.TAIL_BYTES :])
        entries = archives.entries_of(tail, self._size)
        self._budget.spend(sum(entry.unpacked for entry in entries))
        if is_whole:
            walk = Walk(entries, self._budget, self._depth)
            walk.feed(tail)
            walk.finish()


class Walk:
    """Goes through the bytes of an archive in their order, and into those entries that are packed in turn."""

    def __init__(self, entries: Sequence[Entry], budget: Budget, depth: int = 0) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.start)
        self._budget = budget
        self._depth = depth
        self._at = self._until = 0
        self._take: Callable[[memoryview], None] | None = None
        self._steps = self._stepping()

    def feed(self, piece: bytes) -> None:
        """Raises `archive_bomb` and `archive_unreadable`, as finishing does."""
        left = memoryview(piece)
        while True:
            taken = left[: self._until - self._at]
            if taken and self._take is not None:
                self._take(taken)
            self._at += len(taken)
            left = left[len(taken) :]
            if self._at < self._until or not self._step():
                return

    def finish(self) -> None:
        if self._step():
            raise ArchiveUnreadable

    def _step(self) -> bool:
        """Whether there is something further on; what lies before the place was read already, for another entry."""
        found = next(self._steps, None)
        if found is None:
            return False
        self._until, self._take = found
        if self._until < self._at:
            raise ArchiveBomb(params={"reason": "overlapping"})
        return True

    def _stepping(self) -> Iterator[tuple[int, Callable[[memoryview], None] | None]]:
        for entry in self._entries:
            yield entry.start, None
            header = bytearray()
            yield entry.start + _LOCAL.size, header.extend
            mark, *_, name_size, extra_size = _LOCAL.unpack(header)
            if mark != _ZIPS[0]:
                raise ArchiveUnreadable
            start = entry.start + _LOCAL.size + name_size + extra_size
            yield start, None
            member = _Member(entry, Content(self._budget, self._depth + 1))
            yield start + entry.packed, member.feed
            member.finish()


class _Member:
    """One entry, unpacked to its end whatever it holds: its line in the table may tell less than comes out of it, and
    some programs go by what comes out."""

    def __init__(self, entry: Entry, content: Content) -> None:
        self._allowed = entry.unpacked
        self._content = content
        make = _METHODS.get(entry.method)
        self._unpacker = make() if make is not None else None
        self._is_done = entry.is_opaque

    def feed(self, piece: memoryview) -> None:
        if self._is_done:
            return
        if self._unpacker is None:
            self._content.feed(piece)
            self._is_done = self._content.is_plain
            return
        try:
            for made in _unpacked(self._unpacker, piece):
                self._allowed -= len(made)
                if self._allowed < 0:
                    raise ArchiveBomb(params={"reason": "untold"})
                self._content.feed(made)
        except _BROKEN:
            self._is_done = True

    def finish(self) -> None:
        self._content.finish()


def _unpacked(unpacker: Any, given: bytes | memoryview) -> Iterator[bytes]:
    """What is made of this piece: a little at first, to see what it is, and never much at a time."""
    size = _PEEK
    while not unpacker.eof:
        made = unpacker.decompress(given, size)
        given = getattr(unpacker, "unconsumed_tail", b"")
        if made:
            yield made
        if len(made) < size and not given:
            return
        size = _PIECE
