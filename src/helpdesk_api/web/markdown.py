"""Rich text: Markdown in, sanitised HTML out (CommonMark; no raw HTML, no scripts, links marked as foreign).

What a text costs is bounded: of tables and of brackets, beyond a number that no reader would follow, the rest stays
text; what becomes longer than an answer may be is refused, or shown as it was written.
"""

import asyncio
import html
from collections.abc import Callable, Mapping
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token

from helpdesk_api.web.errors import Unprocessable

MAX_HTML: Final = 1_000_000
# A row of a single cell may make hundreds of empty ones; a bracket may be the first of twenty that are tried in vain.
MAX_CELLS: Final = 10_000
MAX_BRACKETS: Final = 4_000
# In what a plain letter costs. Beyond, a thread takes it: nobody else waits for a long text.
_DEAR: Final = "[|\n"
_DEAR_COST: Final = 8
_QUICK: Final = 4_096
_ATTACHMENT = "attachment:"


class TooLongAsHtml(Unprocessable):
    """Mostly one long link that is referred to again and again."""

    code = "too_long_as_html"
    title = "The text becomes too long as HTML"
    default_detail = f"As HTML it would have more than {MAX_HTML} characters; refer to long links less often."


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's own
    left = state.env.get("cells_left", MAX_CELLS)
    columns = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
    if columns > left:
        return False
    first = len(state.tokens)
    rows_below = left // columns - 1
    found = table(state, start, min(end, start + 2 + rows_below), silent)
    if found and not silent:
        state.env["cells_left"] = left - sum(token.type in {"th_open", "td_open"} for token in state.tokens[first:])
    return found


def _bounded(rule: Callable[[StateInline, bool], bool], marker: str) -> Callable[[StateInline, bool], bool]:
    def tried(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's own
        if state.src[state.pos] != marker:
            return False
        left = state.env.get("brackets_left", MAX_BRACKETS)
        state.env["brackets_left"] = left - 1
        return left > 0 and rule(state, silent)

    return tried


def _made() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").enable("strikethrough")
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.at("link", _bounded(link, "["))
    parser.inline.ruler.at("image", _bounded(image, "!"))
    # It lays its rules out at its first use, which no two threads may do at once.
    parser.parse("")
    return parser


_parser = _made()


async def rendered(markdown: str, images: Mapping[str, str] | None = None, *, pointer: str | None = None) -> str:
    """As `to_html`, and nobody else waits for it."""
    if len(markdown) + _DEAR_COST * sum(map(markdown.count, _DEAR)) <= _QUICK:
        return to_html(markdown, images, pointer=pointer)
    return await asyncio.to_thread(to_html, markdown, images, pointer=pointer)


def to_html(markdown: str, images: Mapping[str, str] | None = None, *, pointer: str | None = None) -> str:
    """HTML that is safe to show; sanitised again after rendering, so that a parser's defect cannot hurt a reader.

    `images` are the addresses of the attachments, by id, that `![…](attachment:<id>)` may show; any other shows its
    words alone. What is too long raises `too_long_as_html` where `pointer` says whose text it is; else it is shown as
    it was written.
    """
    tokens = _parser.parse(markdown)
    # A link that is referred to is held once, and written each time.
    length = 0
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                _place(child, images or {})
            if child.attrs:
                length += sum(len(str(value)) for value in child.attrs.values())
    if length <= MAX_HTML:
        clean = nh3.clean(_parser.renderer.render(tokens, _parser.options, {}), link_rel="noopener noreferrer nofollow")
        if len(clean) <= MAX_HTML:
            return clean
    if pointer is not None:
        raise TooLongAsHtml(pointer=pointer)
    return f"<pre>{html.escape(markdown, quote=False)}</pre>"


def _place(shown: Token, images: Mapping[str, str]) -> None:
    source = str(shown.attrs.get("src", ""))
    if source.startswith(_ATTACHMENT):
        shown.attrs["src"] = images.get(source.removeprefix(_ATTACHMENT), source)
