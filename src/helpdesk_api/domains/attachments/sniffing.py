"""What a file is, by its content alone: its first bytes and, for what hides behind them, all others as they pass."""

import re

import filetype

from helpdesk_api.domains.attachments.errors import FilePolyglot, FileTypeRefused
from helpdesk_api.domains.attachments.rules import is_executable_name

HEAD_BYTES = 65_536
BINARY, TEXT = "application/octet-stream", "text/plain"
_SVG, _HTML = "image/svg+xml", "text/html"
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})

_PROGRAMS = (
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"L\x00\x00\x00\x01\x14\x02\x00", b"\x00asm", b"dex\n", b"FWS", b"CWS", b"ZWS", b"!<arch>\n", b"ITSF", b"MZ",
    b"\xed\xab\xee\xdb",
)  # fmt: skip
# Where a browser starts to read HTML (WHATWG MIME Sniffing, 7.1), and the roots of XML that it runs.
_ACTIVE_TAGS = frozenset(
    {
        "html", "head", "script", "iframe", "h1", "div", "font", "table", "a", "style", "title", "b", "body", "br", "p",
        "img", "form", "input", "link", "meta", "object", "embed", "video", "audio", "base", "frameset", "stylesheet",
    }
)  # fmt: skip
_SPACE = re.compile(r"[\s\ufeff\x00]*")
_ROOT = re.compile(r"<([a-z][a-z0-9:_.-]{0,80})", re.IGNORECASE)
_HTML_DOCTYPE = re.compile(r"<!doctype\s{1,20}html", re.IGNORECASE)
_UNREADABLE = "!"
_IN_PICTURES = (b"<script", b"<?php", b"<html", b"<!doctype html", b"<svg", b"<iframe")
_ARCHIVES_BEHIND = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")
# Longer than the marks above: in a large picture three letters and a bracket stand by chance.
_MARKUP_BEHIND = re.compile(rb"<(?:script|iframe|html|\?php)[\s>]|<!doctype html", re.IGNORECASE)
_OVERLAP = 16
_PDF_WINDOW = 1_024
# The long ones begin like the short ones.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# How markup begins that says nothing of its letters (XML 1.0, appendix F); what is no text may begin so, too.
_UNMARKED = (
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def media_type(head: bytes) -> str:
    """Of a file that begins like this; what is not known is `application/octet-stream`."""
    guessed = filetype.guess(head)
    if guessed is not None:
        return str(guessed.mime)
    return TEXT if _text(head) is not None else BINARY


def judge(name: str, head: bytes) -> str:
    """The media type of a file that may be taken. Raises `file_type_refused` and `file_polyglot`."""
    found = media_type(head)
    if is_executable_name(name):
        raise _refused(found, "executable_name")
    text = _text(head)
    if head.startswith(b"#!") or (text is None and head.startswith(_PROGRAMS)):
        raise _refused(found, "executable")
    if text is not None:
        _refuse_active(text)
        # An e-mail that begins like a program in two letters is a text all the same.
        return TEXT if found.startswith("application/x-") or found == TEXT else found
    unmarked = next((encoding for mark, encoding in _UNMARKED if head.startswith(mark)), None)
    if unmarked is not None:
        _refuse_active(head.decode(unmarked, "ignore"))
    if found.startswith("image/svg"):
        raise _refused(found, "svg")
    _refuse_hidden(found, head)
    return found


def is_deceptive_with_archive(found: str) -> bool:
    """Whether an archive at the end of such a file can only be meant to deceive."""
    return found in {TEXT, "application/pdf"} or found.partition("/")[0] in {"image", "audio", "video"}


class Behind:
    """What comes after the beginning of a file of this type: no archive may begin there, and in a picture nothing that
    a browser or a server would run. A ZIP file is known by its end instead, from which it is read."""

    def __init__(self, found: str) -> None:
        self._found = found
        self._is_looked_at = is_deceptive_with_archive(found)
        self._is_picture = found.startswith("image/")
        self._last = b""

    def feed(self, piece: bytes) -> None:
        """Raises `file_polyglot`."""
        if not self._is_looked_at:
            return
        seen = self._last + piece
        if any(mark in seen for mark in _ARCHIVES_BEHIND) or (self._is_picture and _MARKUP_BEHIND.search(seen)):
            raise FilePolyglot(params={"content_type": self._found})
        self._last = seen[-_OVERLAP:]


def _text(head: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore")
    if _CONTROL.search(head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = len(head) >= HEAD_BYTES and error.start > len(head) - 4
        # What no character set but Latin-1 explains is still text: logs of old programs are.
        return head[: error.start].decode("utf-8") if cut else head.decode("latin-1")


def _refuse_active(text: str) -> None:
    root = _root(text)
    if root == _UNREADABLE:
        raise _refused(_HTML, "unreadable_markup")
    name = root.rpartition(":")[2]
    if name == "svg":
        raise _refused(_SVG, "svg")
    if name in _ACTIVE_TAGS:
        raise _refused(_HTML, "html")


def _root(text: str) -> str:
    """The first tag behind white space, comments and declarations; empty when there is none.

    A comment that does not end where we look may be followed by anything. No regular expression runs over the whole:
    hostile texts are made to keep those busy.
    """
    place = 0
    while True:
        place = _skipped(_SPACE, text, place)
        if _HTML_DOCTYPE.match(text, place):
            return "html"
        if text.startswith("<?", place):
            place = _behind(text, "?>", place)
        elif text.startswith("<!--", place):
            place = _behind(text, "-->", place + 4)
        elif text.startswith("<!", place):
            subset = text.find("[", place, text.find(">", place) + 1)
            place = _behind(text, ">", _behind(text, "]", subset) if subset > 0 else place)
        else:
            root = _ROOT.match(text, place)
            return root[1].lower() if root is not None else ""
        if place < 0:
            return _UNREADABLE


def _skipped(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found is not None else place


def _behind(text: str, end: str, place: int) -> int:
    """The place behind the next `end`, or -1."""
    found = text.find(end, place) if place >= 0 else -1
    return found + len(end) if found >= 0 else -1


def _refuse_hidden(found: str, head: bytes) -> None:
    if not is_deceptive_with_archive(found):
        return
    lower = head.lower()
    if found.startswith("image/") and any(mark in lower for mark in _IN_PICTURES):
        raise FilePolyglot(params={"content_type": found})
    if any(head.find(mark, 1) > 0 for mark in _ARCHIVES_BEHIND):
        raise FilePolyglot(params={"content_type": found})
    if found != "application/pdf" and b"%PDF-" in head[:_PDF_WINDOW]:
        raise FilePolyglot(params={"content_type": found})


def _refused(found: str, reason: str) -> FileTypeRefused:
    message = f"This looks like {found}; it is not taken ({reason})."
    return FileTypeRefused(message, params={"content_type": found, "reason": reason})
