"""What is taken and what is not, and what it is called: nothing here needs a database."""

import bz2
import gzip
import lzma
import random
import struct
import zipfile
from collections.abc import Callable
from functools import reduce

import pytest

from helpdesk_api.domains.attachments import archives
from helpdesk_api.domains.attachments.errors import (
    ArchiveBomb,
    ArchiveUnreadable,
    FileEmpty,
    FilePolyglot,
    FileTypeRefused,
)
from helpdesk_api.domains.attachments.inspection import Inspected, Inspection
from helpdesk_api.domains.attachments.rules import MAX_NAME_BYTES, content_disposition, safe_name
from helpdesk_api.web.errors import PayloadTooLarge, ProblemError
from tests.domains.attachments.files import (
    GIF,
    PDF,
    archive,
    bomb,
    nested_bomb,
    nested_many,
    packed_zeros,
    picture,
    tape,
)

NOISE = random.Random(4).randbytes(80_000)
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ELF = b"\x7fELF\x02\x01\x01" + b"\x00" * 100
MZ = b"MZ\x90\x00\x03\x00\x00\x00" + b"\x00" * 100


def inspected(content: bytes, name: str = "file.bin", *, step: int = 10_000, max_bytes: int = 10**9) -> Inspected:
    inspection = Inspection(name, max_bytes=max_bytes)
    for place in range(0, len(content), step):
        inspection.feed(content[place : place + step])
    found = inspection.finish()
    walk = inspection.walk()
    if walk is not None:
        for place in range(0, len(content), step):
            walk.feed(content[place : place + step])
        walk.finish()
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("WEBP"), "image/webp"),
        (GIF, "image/gif"),
        (PDF, "application/pdf"),
        (b"2026-11-26 10:00 connection lost\r\n", "text/plain"),
        ("Grüße aus München".encode("latin-1"), "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"MZ is how this letter begins", "text/plain"),
        (b"CWS report", "text/plain"),
        (b"a < b, and <html> is a word in this log" * 10, "text/plain"),
        (b"<?xml version='1.0'?><!-- a --><invoice><a/></invoice>", "text/plain"),
        (b'{"a": 1}', "text/plain"),
        (archive({"a.txt": b"hello" * 100}), "application/zip"),
        (gzip.compress(b"hello" * 1_000, mtime=0), "application/gzip"),
        (bytes(random.Random(1).randbytes(5_000)), "application/octet-stream"),
        (b"<\x00\x00 of a drawing program" + bytes(random.Random(1).randbytes(5_000)), "application/octet-stream"),
        (b"text at first" + b" " * 70_000 + b"\x00\x01", "application/octet-stream"),
    ],
)
def test_the_type_is_what_the_content_is(content: bytes, expected: str) -> None:
    for name in ("file.bin", "picture.png", "invoice.pdf"):
        assert inspected(content, name).content_type == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ELF, "executable"),
        (MZ, "executable"),
        (b"#!/bin/sh\nrm -rf /\n", "executable"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x34", "executable"),
        (b"L\x00\x00\x00\x01\x14\x02\x00" + b"\x00" * 60, "executable"),
        (SCRIPT, "svg"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<!DOCTYPE svg [<!ENTITY a 'b'>]>\n" + SCRIPT, "svg"),
        ("\ufeff  <s:svg xmlns:s='http://www.w3.org/2000/svg'/>".encode(), "svg"),
        (SCRIPT.decode().encode("utf-16"), "svg"),
        (SCRIPT.decode().encode("utf-16-le"), "svg"),
        (SCRIPT.decode().encode("utf-16-be"), "svg"),
        (SCRIPT.decode().encode("utf-32"), "svg"),
        (b"<!DOCTYPE   HTML><p>hello", "html"),
        (b"\n\n <ScRiPt>alert(1)</script>", "html"),
        (b"<!-- " + b"x" * 60_000 + b" --><html>", "html"),
        (b"<!-- " + b"x" * 70_000 + b" --><html>", "unreadable_markup"),
        (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "html"),
    ],
)
def test_what_can_act_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FileTypeRefused) as refused:
        inspected(content, "holiday.png")
    assert refused.value.params["reason"] == reason


@pytest.mark.parametrize(
    "name", ["a.exe", "a.pdf.EXE", "a.js", "a.svg", "a.html", "a.lnk", "a.ps1", "a.vbs", "a.jar", "a.mht", "a.IMG"]
)
def test_a_name_that_runs_is_refused(name: str) -> None:
    with pytest.raises(FileTypeRefused):
        inspected(b"harmless", name)


@pytest.mark.parametrize(
    "content",
    [
        GIF + archive({"a.class": b"x" * 100}),
        PDF + archive({"a.txt": b"x"}),
        picture("PNG") + archive({"a.txt": b"x"}) + b"\x00" * 1_000,
        GIF[:-1] + PDF,
        GIF + b"Rar!\x1a\x07\x01\x00",
        GIF + b"7z\xbc\xaf\x27\x1c\x00\x04",
        b"GIF89a/*" + GIF[6:] + b"*/=1;<script>alert(1)</script>",
        picture("PNG") + b"<?php system($_GET['c']); ?>",
        b"a text at first" + b" " * 70_000 + archive({"a.txt": b"x"}),
        b"a text at first" + b" " * 70_000 + b"Rar!\x1a\x07\x01\x00",
        PDF + NOISE + b"Rar!\x1a\x07\x01\x00" + NOISE,
        # Across the end of a piece, and of the part that is judged first.
        picture("PNG") + NOISE[: 79_995 - len(picture("PNG"))] + b"7z\xbc\xaf\x27\x1c\x00\x04" + NOISE,
        GIF + NOISE[: 65_533 - len(GIF)] + b"<ScRiPt>alert(1)</script>" + NOISE,
        picture("JPEG") + NOISE + b"<?php system($_GET['c']); ?>" + NOISE,
        PDF + NOISE + archive({"a.txt": NOISE}) + NOISE,
    ],
)
def test_two_files_in_one_are_refused(content: bytes) -> None:
    with pytest.raises(FilePolyglot):
        inspected(content, "holiday.gif")


@pytest.mark.parametrize("content", [PDF, GIF, picture("PNG"), b"a text"])
def test_what_stands_by_chance_is_no_second_file(content: bytes) -> None:
    behind = b" " * 70_000 if content == b"a text" else NOISE
    inspected(content + behind + b" <b PK\x03\x04 <?xml <svg> Rar! 7z " + behind)


ZEROS = {f"{number}.log": gzip.compress(b"\x00" * 20_000_000) for number in range(3)}


def lying_archive() -> bytes:
    """All entries share the bytes of the first one, so that little data unpacks to much."""
    whole = bytearray(archive({"0": random.Random(2).randbytes(50_000)}, zipfile.ZIP_STORED))
    end = whole.rfind(b"PK\x05\x06")
    entry = bytes(whole[whole.rfind(b"PK\x01\x02") : end])
    start = len(whole) - 22 - len(entry)
    return bytes(whole[:start]) + entry * 10 + struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, 10, 10, len(entry) * 10, start, 0
    )  # fmt: skip


def modest_archive() -> bytes:
    """It unpacks to more than it tells, in both places where it tells it."""
    whole = archive({"a.log": b"\x00" * 30_000_000})
    return whole.replace(struct.pack("<I", 30_000_000), struct.pack("<I", 60_000))


@pytest.mark.parametrize(
    "make",
    [
        bomb,
        nested_bomb,
        lying_archive,
        modest_archive,
        packed_zeros,
        lambda: bz2.compress(b"\x00" * 30_000_000),
        lambda: lzma.compress(b"\x00" * 30_000_000),
        nested_many,
        lambda: nested_many("{}.dat"),
        lambda: nested_many("{}.dat", zipfile.ZIP_STORED),
        lambda: nested_many("{}.dat", zipfile.ZIP_BZIP2),
        lambda: archive({"a.dat": archive({"b.dat": nested_many("{}", zipfile.ZIP_STORED)})}, zipfile.ZIP_STORED),
        lambda: archive({"a.dat": gzip.compress(b"\x00" * 60_000_000)}, zipfile.ZIP_STORED),
        lambda: gzip.compress(NOISE + b"\x00" * 30_000_000),
        lambda: gzip.compress(NOISE) + gzip.compress(b"\x00" * 30_000_000),
        lambda: bz2.compress(NOISE) + b"\x00" * 4 + bz2.compress(b"\x00" * 30_000_000),
        lambda: lzma.compress(NOISE) + lzma.compress(b"\x00" * 30_000_000),
        lambda: gzip.compress(gzip.compress(b"\x00" * 30_000_000)),
        lambda: tape(ZEROS),
        lambda: gzip.compress(tape(ZEROS)),
        lambda: archive({"a.tar": tape(ZEROS)}),
        # The size of the last file stands elsewhere than where most readers look first.
        lambda: tape({"a": b"x"})[:1_024] + tape({"b": b""})[:512] + gzip.compress(b"\x00" * 30_000_000),
        lambda: reduce(lambda inner, _: tape({"a.tar": inner}), range(5), b"x"),
    ],
    ids=[
        "ratio", "nested", "overlapping", "untold", "gzip", "bzip2", "xz", "many", "many renamed", "many stored",
        "many in bzip2", "three deep", "a stream in an archive", "behind noise", "a second member", "a second in bzip2",
        "a second in xz", "twice", "a tape", "a packed tape", "an archived tape", "a size elsewhere", "tapes",
    ],
)  # fmt: skip
def test_what_unpacks_to_far_too_much_is_refused(make: Callable[[], bytes]) -> None:
    content = make()
    assert len(content) < 2_000_000
    with pytest.raises(ArchiveBomb):
        inspected(content, "logs.zip")


LOG = b"".join(b"02:%02d connection %d lost\n" % (n % 60, n * n * 7_919 % 999_983) for n in range(15_000))


@pytest.mark.parametrize(
    "make",
    [
        lambda: archive({f"{number}.log": LOG[:80_000] for number in range(700)}),
        lambda: archive({f"{number}.docx": archive({"word/document.xml": LOG}) for number in range(30)}, 0),
        lambda: archive({"lib/": b"", "lib/a.jar": archive({"a.class": NOISE, "META-INF/": b""}), "empty": b""}),
        lambda: archive({"mimetype": b"application/vnd.oasis.opendocument.text"}, 0),
        lambda: archive({"a.tar.gz": gzip.compress(LOG), "b.xz": lzma.compress(LOG), "PK.txt": b"PKs"}),
        lambda: gzip.compress(LOG * 4) + gzip.compress(LOG) + b"\x00" * 512,
        lambda: gzip.compress(archive({"a.log": LOG, "b.zip": archive({"c.log": LOG})})),
        lambda: lzma.compress(LOG, preset=9),
        lambda: tape({"a.log": LOG, "empty": b"", "b.gz": gzip.compress(LOG), "c.zip": archive({"d": LOG})}),
        lambda: archive({"a.tgz": gzip.compress(tape({"b.docx": archive({"word/document.xml": LOG})}))}),
    ],
    ids=["logs", "letters", "jars", "odt", "streams", "members", "both", "xz -9", "a tape", "a tape in an archive"],
)
def test_what_people_pack_is_taken(make: Callable[[], bytes]) -> None:
    content = make()
    # Either in pieces as a client sends them, or in a few hundred odd ones.
    step = 65_536 if len(content) > 2_000_000 else max(997, len(content) // 300)
    assert inspected(content, "logs.zip", step=step).size_bytes == len(content)


def test_what_the_table_says_of_an_entry_is_where_it_says() -> None:
    whole = archive({"a": b"x" * 50, "b": NOISE})
    second = whole.find(b"PK\x03\x04", 4)
    with pytest.raises(ArchiveUnreadable):
        inspected(whole[:second] + b"PK\x09\x09" + whole[second + 4 :])
    with pytest.raises(ArchiveUnreadable):
        inspected(archive({"a.dat": archive({"b": NOISE})[:-30]}))
    with pytest.raises(ArchiveBomb):
        inspected(reduce(lambda inner, _: archive({"a": inner}), range(5), b"x"))


def test_archives_that_cannot_be_judged() -> None:
    whole = archive({f"{number}.txt": b"hello" for number in range(50)})
    for broken in (whole[:-30], whole[: len(whole) // 2], b"PK\x03\x04" + b"\x00" * 100):
        with pytest.raises(ArchiveUnreadable):
            inspected(broken, "a.zip")
    count = archives.MAX_ENTRIES + 1
    many = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, count * 46, 0, 0)
    with pytest.raises(ArchiveUnreadable):
        archives.check(b"PK\x01\x02" * (count * 12) + many, count * 48 + len(many))


def test_a_large_archive_with_zip64_sizes_is_read() -> None:
    whole = archive({"a": b"x" * 100})
    end = whole.rfind(b"PK\x05\x06")
    fields = struct.unpack_from("<4s4H2IH", whole, end)
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, fields[5], fields[6])
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    archives.check(whole[:end] + record + locator + tail, end + len(record) + len(locator) + len(tail))


def test_every_cut_and_every_flipped_byte_is_judged_without_a_crash() -> None:
    """Whatever the content: a verdict or a refusal, in one piece or byte by byte."""
    chance = random.Random(3)
    for whole in (archive({"a": b"x" * 50, "b": b"y"}), GIF, PDF, SCRIPT, gzip.compress(b"z" * 90), picture()[:400]):
        for _ in range(150):
            changed = bytearray(whole[: chance.randrange(1, len(whole) + 1)])
            for _ in range(chance.randrange(4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            verdicts = []
            for step in (1, 10_000):
                try:
                    verdicts.append(inspected(bytes(changed), step=step).content_type)
                except ProblemError as refused:
                    verdicts.append(refused.code)
            assert verdicts[0] == verdicts[1]


def test_hostile_markup_takes_no_time_worth_speaking_of() -> None:
    """Each would keep a backtracking expression busy for minutes; the test's own limit says whether it does."""
    for head in (b"<!" + b" " * 65_000, b"<??>" * 16_000, b"<!" * 32_000, b"<!x[" * 16_000, b" " * 65_000 + b"<!"):
        with pytest.raises(FileTypeRefused) as refused:
            inspected(head + b"<!--")
        assert refused.value.params["reason"] == "unreadable_markup"


def test_empty_and_too_large() -> None:
    with pytest.raises(FileEmpty):
        inspected(b"")
    with pytest.raises(PayloadTooLarge):
        inspected(b"x" * 11, max_bytes=10)
    assert inspected(b"x" * 10, max_bytes=10).size_bytes == 10


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\screen.png", "screen.png"),
        ("a/b\\..\\c.txt", "c.txt"),
        ("..", "file"),
        ("", "file"),
        ("   ", "file"),
        ("a\x00b\r\nc\x7f.txt", "abc.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("aux .txt", "_aux .txt"),
        ("CONOUT$", "_CONOUT$"),
        ("Lpt1.log", "_Lpt1.log"),
        ("console.log", "console.log"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("name. . .", "name"),
        (".htaccess", "htaccess"),
        ("Gru\u0308ße.txt", "Grüße.txt"),
    ],
)
def test_names_are_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert safe_name(kept) == kept


@pytest.mark.parametrize("name", ["x" * 1_000 + ".pdf", "ü" * 500 + ".pdf", "." + "x" * 500, "a." + "b" * 400])
def test_long_names_lose_their_middle(name: str) -> None:
    kept = safe_name(name)
    assert 0 < len(kept.encode()) <= MAX_NAME_BYTES
    assert not name.endswith(".pdf") or kept.endswith(".pdf")


def test_a_name_cannot_break_out_of_its_header() -> None:
    shown = content_disposition('a"; filename=b.exe\\ü%41.txt')
    assert shown == (
        'attachment; filename="a_; filename=b.exe___41.txt"; '
        "filename*=UTF-8''a%22%3B%20filename%3Db.exe%5C%C3%BC%2541.txt"
    )
