"""Excerpts as HTML: everything is escaped but the marks of what was found."""

import html
from typing import Final

# Control characters, since nobody types them; what a text itself has of them is dropped before it is marked.
OPEN, CLOSE = "\x02", "\x03"
_START, _END, _CUT = "<mark>", "</mark>", "…"
# Of a mark, its end is paid for when it is opened: so it can always be closed.
_LENGTHS: Final = {character: len(html.escape(character)) for character in "&<>\"'"} | {
    OPEN: len(_START + _END),
    CLOSE: 0,
}
_BEFORE: Final = 60


def marked_html(text: str, limit: int) -> str:
    """Of at most `limit` characters. Words may be as long as links, and `"` is six characters in HTML: what is too long
    is cut before it is escaped, from just before the first mark on."""
    shown = _as_html(text)
    if len(shown) <= limit:
        return shown
    start = max(0, text.find(OPEN) - _BEFORE)
    left = limit - len(_CUT) * 2
    end = start
    while end < len(text) and (left := left - _LENGTHS.get(text[end], 1)) >= 0:
        end += 1
    piece = text[start:end]
    before, after = _CUT if start else "", _CUT if end < len(text) else ""
    unclosed = CLOSE if piece.count(OPEN) > piece.count(CLOSE) else ""
    return f"{before}{_as_html(piece + unclosed)}{after}"


def _as_html(text: str) -> str:
    return html.escape(text).replace(OPEN, _START).replace(CLOSE, _END)
