"""Rich text: Markdown in, sanitised HTML out (CommonMark; no raw HTML, no scripts, links marked as foreign)."""

from collections.abc import Mapping

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").enable("strikethrough")


_ATTACHMENT = "attachment:"


def to_html(markdown: str, images: Mapping[str, str] | None = None) -> str:
    """HTML that is safe to show; sanitised again after rendering, so that a parser's defect cannot hurt a reader.

    `images` are the addresses of the attachments, by id, that `![…](attachment:<id>)` may show; any other shows its
    words alone.
    """
    tokens = _parser.parse(markdown)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                _place(child, images or {})
    rendered = _parser.renderer.render(tokens, _parser.options, {})
    return nh3.clean(rendered, link_rel="noopener noreferrer nofollow")


def _place(image: Token, images: Mapping[str, str]) -> None:
    source = str(image.attrs.get("src", ""))
    if source.startswith(_ATTACHMENT):
        image.attrs["src"] = images.get(source.removeprefix(_ATTACHMENT), source)
