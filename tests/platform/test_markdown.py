"""Rich text: what it costs is bounded, whatever is written."""

import asyncio

import pytest

from helpdesk_api.web.markdown import MAX_BRACKETS, MAX_CELLS, MAX_HTML, TooLongAsHtml, rendered, to_html

FAR = "[a]: http://x/" + "u" * 5_000 + "\n\n" + "[a]\n" * 250


def test_of_tables_so_many_cells_are_laid_out_and_the_rest_is_text() -> None:
    rows = "".join(f"|{number}\n" for number in range(1_500))
    wide = "|" + "a|" * 400 + "\n|" + ":-:|" * 400 + "\n" + rows
    narrow = "|x|y|\n|-|-|\n|1|2|\n\n" * 2_600
    for text in (wide, narrow):
        html = to_html(text)
        cells = html.count("<td") + html.count("<th ") + html.count("<th>")
        assert MAX_CELLS - 402 <= cells <= MAX_CELLS
    assert "|1499" in to_html(wide)
    assert "<table>" not in to_html("|" + "a|" * 12_000 + "\n|" + "-|" * 12_000 + "\n")
    assert to_html("|a|\n|-|\n|1|\n\n|b|\n|-|\n|2|").count("<table>") == 2


def test_of_brackets_so_many_are_tried_and_the_rest_is_text() -> None:
    html = to_html("[a](b) " * 5_000)
    assert html.count("<a ") == MAX_BRACKETS
    assert html.count("[a](b)") == 1_000
    for piece in ("[", "![", "[a]([", "[*"):
        assert "".join(to_html(piece * 4_500).split()).startswith("<p>")


def test_what_would_be_too_long_is_refused_or_shown_as_it_was_written() -> None:
    with pytest.raises(TooLongAsHtml) as refused:
        to_html(FAR, pointer="#/body")
    assert refused.value.errors[0].pointer == "#/body"
    assert to_html(FAR) == f"<pre>{FAR}</pre>"
    assert to_html(FAR + "<b>&").endswith("&lt;b&gt;&amp;</pre>")
    longest = max(len(to_html(piece * (65_536 // len(piece)))) for piece in ("[](😀)", "<http://a>", "|-\n", "&"))
    assert longest < MAX_HTML


@pytest.mark.parametrize("text", ["[" * 3_000, "word " * 1_000, "|a" * 2_000])
async def test_nobody_waits_for_a_long_text(text: str) -> None:
    async def turns(of: str) -> int:
        task, count = asyncio.create_task(rendered(of)), 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        assert task.result() == to_html(of)
        return count

    assert await turns(text) > 1
    assert await turns("A short one, *of course*.") == 1
