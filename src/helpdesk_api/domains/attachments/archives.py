"""The table of contents of a ZIP file, read and never unpacked (APPNOTE.TXT 6.3): is it honest, and how much is it?"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from helpdesk_api.domains.attachments.errors import ArchiveBomb, ArchiveUnreadable

MAX_RATIO = 100
TAIL_BYTES = 2 * 1024 * 1024
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END_RECORD = struct.Struct("<4s4H2IH")
_END64_RECORD = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_RECORD = struct.Struct("<4sIQI")
_UNKNOWN = 0xFFFFFFFF
_ZIP64_FIELD = 1
_ENCRYPTED = 1
STORED, DEFLATED, BZIP2 = 0, 8, 12
MAX_ENTRIES = 20_000
# A packed file in a packed file does not get smaller again, unless it was made for that.
_MAX_NESTED_RATIO = 5
_HARMLESS = 50 * 1024 * 1024
_NESTED = (".zip", ".jar", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".docx", ".xlsx", ".pptx")


@dataclass(frozen=True, slots=True)
class Contents:
    """Where the table is, as offsets into the whole file, and how many entries it has."""

    start: int
    size: int
    entries: int
    # By how much what stands before the archive moves the offsets in its table.
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table; the start is that of its own header, as an offset into the whole file."""

    name: str
    flags: int
    method: int
    packed: int
    unpacked: int
    start: int

    @property
    def is_opaque(self) -> bool:
        """Encrypted, or packed in a way that hardly any program knows: only its line here can be judged."""
        return bool(self.flags & _ENCRYPTED) or self.method not in {STORED, DEFLATED, BZIP2}


def find_contents(tail: bytes, file_size: int) -> Contents | None:
    """By the end record, which any reader of ZIP files looks for from the back; none when there is none."""
    base, place = file_size - len(tail), len(tail)
    while (place := tail.rfind(_END, 0, place)) >= 0:
        if place + _END_RECORD.size > len(tail):
            continue
        _, _, _, _, entries, size, start, _ = _END_RECORD.unpack_from(tail, place)
        end = base + place
        if _UNKNOWN in (size, start) or entries == 0xFFFF:  # noqa: PLR2004 - as the format says
            found = _contents64(tail, place)
            if found is not None:
                return found
        if start + size <= end and (entries > 0 or size == 0):
            # What stands before the archive shifts it: readers count back from the end record.
            return Contents(end - size, size, entries, end - size - start)
    return None


def _contents64(tail: bytes, place: int) -> Contents | None:
    """The long form stands right before its locator, and that right before the short one."""
    locator = place - _LOCATOR_RECORD.size
    record = locator - _END64_RECORD.size
    if record < 0 or tail[locator : locator + 4] != _LOCATOR or tail[record : record + 4] != _END64:
        return None
    fields = _END64_RECORD.unpack_from(tail, record)
    return Contents(fields[9], fields[8], fields[7])


def allowed(file_size: int) -> int:
    """How many bytes an archive of this size may unpack to, with all that is packed in it in turn."""
    return max(_HARMLESS, MAX_RATIO * file_size)


def check(tail: bytes, file_size: int) -> Sequence[Entry]:
    """What lies in it. Raises `archive_bomb` and `archive_unreadable`."""
    entries = entries_of(tail, file_size)
    if sum(entry.unpacked for entry in entries) > allowed(file_size):
        raise ArchiveBomb(params={"reason": "ratio"})
    return entries


def entries_of(tail: bytes, file_size: int) -> Sequence[Entry]:
    """Raises `archive_bomb` and `archive_unreadable`; how much they unpack to is not judged."""
    contents = find_contents(tail, file_size)
    base = file_size - len(tail)
    if contents is None or contents.entries > MAX_ENTRIES or contents.start < base:
        raise ArchiveUnreadable
    table = tail[contents.start - base : contents.start - base + contents.size]
    entries = list(_entries(table, contents.shift))
    if len(entries) != contents.entries:
        raise ArchiveUnreadable
    for entry in entries:
        if (
            entry.is_opaque
            and entry.name.endswith(_NESTED)
            and entry.unpacked > _MAX_NESTED_RATIO * max(entry.packed, 1_024)
        ):
            raise ArchiveBomb(params={"reason": "nested"})
    # Entries that share the same bytes add up to more than the file holds.
    if sum(entry.packed for entry in entries) > file_size:
        raise ArchiveBomb(params={"reason": "overlapping"})
    return entries


def _entries(table: bytes, shift: int) -> Iterator[Entry]:
    place = 0
    while place + _ENTRY.size <= len(table):
        fields = _ENTRY.unpack_from(table, place)
        if fields[0] != b"PK\x01\x02":
            raise ArchiveUnreadable
        name_size, extra_size, comment_size = fields[10:13]
        name_at = place + _ENTRY.size
        extra = table[name_at + name_size : name_at + name_size + extra_size]
        packed, unpacked, start = _sizes64(extra, fields[8], fields[9], fields[16])
        name = table[name_at : name_at + name_size].decode("utf-8", "replace").lower()
        yield Entry(name, fields[3], fields[4], packed, unpacked, start + shift)
        place = name_at + name_size + extra_size + comment_size


def _sizes64(extra: bytes, packed: int, unpacked: int, start: int) -> tuple[int, int, int]:
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, place)
        if kind == _ZIP64_FIELD:
            values = [value for (value,) in struct.iter_unpack("<Q", extra[place + 4 : place + 4 + size // 8 * 8])]
            if unpacked == _UNKNOWN and values:
                unpacked = values.pop(0)
            if packed == _UNKNOWN and values:
                packed = values.pop(0)
            if start == _UNKNOWN and values:
                start = values.pop(0)
        place += 4 + size
    return packed, unpacked, start
