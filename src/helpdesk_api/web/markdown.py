"""Rich text: Markdown in, sanitised HTML out (CommonMark; no raw HTML, no scripts, links marked as foreign)."""

import nh3
from markdown_it import MarkdownIt

_parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").enable("strikethrough")


def to_html(markdown: str) -> str:
    """HTML that is safe to show; sanitised again after rendering, so that a parser's defect cannot hurt a reader."""
    return nh3.clean(_parser.render(markdown), link_rel="noopener noreferrer nofollow")
