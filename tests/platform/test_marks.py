"""Excerpts as HTML."""

import pytest

from helpdesk_api.web.marks import CLOSE, OPEN, marked_html


def test_all_is_escaped_but_the_marks() -> None:
    assert marked_html(f"a <b> {OPEN}VPN{CLOSE}", 100) == "a &lt;b&gt; <mark>VPN</mark>"


@pytest.mark.parametrize("word", ["https://example.test/" * 20, '"' * 100, "<&>" * 90, "x"])
@pytest.mark.parametrize("before", ["", "before " * 300, "'" * 900])
def test_what_is_too_long_is_cut_and_its_marks_are_closed(before: str, word: str) -> None:
    marked = f"{before}{OPEN}{word}{CLOSE} and {OPEN}again{CLOSE} " * 9
    for limit in range(600, 1_200, 13):
        shown = marked_html(marked, limit)
        assert len(shown) <= limit
        assert "<mark>" in shown
        rest = shown.replace("<mark>", "[").replace("</mark>", "]")
        assert "<" not in rest
        assert rest.count("[") == rest.count("]")
        assert OPEN not in shown
        assert CLOSE not in shown
