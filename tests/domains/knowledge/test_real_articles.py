"""Real articles, and texts that mean harm."""

from typing import Any

import pytest

from tests.domains.knowledge.conftest import BODY, Editors, at
from tests.end_to_end.real_articles import baseline, publish, real_articles, recall

PER_LANGUAGE = 8


async def test_real_articles_are_found_by_what_they_are_about(editors: Editors) -> None:
    articles = real_articles(PER_LANGUAGE)
    if not articles:
        pytest.skip("no real articles at HELPDESK_TEST_MATERIAL")
    imported = dict([await publish(editors.admin, article) for article in articles])
    found = await recall(editors.rita, imported, in_language=True)
    assert set(found) == {"cs", "de", "en", "es", "fr", "ja", "pt-BR"}
    plain = baseline(articles)
    # So few of them are much alike: means say more than each language's share of eight.
    for place, least in ((0, 0.7), (1, 0.9)):
        mean = sum(shares[place] for shares in found.values()) / len(found)
        assert mean >= least, found
        assert mean >= sum(shares[place] for shares in plain.values()) / len(plain) - 0.1, (found, plain)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
        "<a href='vbscript:x' style='position:fixed'>x</a>",
        "[x]: javascript:alert(1)\n\n[x]",
        "<svg/onload=alert(1)>",
        "`<script>`\n\n```\n</code><script>alert(1)</script>\n```",
    ],
)
async def test_no_script_gets_out(editors: Editors, text: str) -> None:
    html = (await editors.draft(body=text))["body_html"].lower()
    for harm in (
        "<script",
        "<img src=x",
        'href="javascript',
        'href="data:',
        'src="data:',
        "<svg",
        "<a style",
    ):
        assert harm not in html, html


async def test_text_that_runs_both_ways(editors: Editors) -> None:
    body = "שלום **עולם** and العربية מעורב\u200f \u202eabc\u202c 漢字"
    article = await editors.published(title="مرحبا VPN שלום", body=body, language="ar", tags=["שלום"])
    assert article["body"] == body
    seen = (await editors.rita.get("/v1/articles", params={"q": "שלום"})).json()["data"]
    assert [one["id"] for one in seen] == [article["id"]]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"body": "x" * 900_000}, 422, "validation_failed"),
        ({"body": "x" * 1_100_000}, 413, "payload_too_large"),
        ({"body": "a\x00b"}, 422, "validation_failed"),
        ({"title": "\ud800"}, 400, "malformed_json"),
    ],
)
async def test_too_much_and_what_is_no_text(editors: Editors, fields: dict[str, Any], status: int, code: str) -> None:
    import json

    content = json.dumps({**BODY, **fields}).encode()
    reply = await editors.anna.post("/v1/articles", content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) in {(status, code), (422, "validation_failed")}, reply.text
    assert (await editors.anna.get("/v1/articles")).json()["data"] == []


async def test_the_longest_article_of_the_widest_words_is_kept(editors: Editors) -> None:
    """PostgreSQL's vectors hold less than a megabyte: what we take has to fit."""
    words = " ".join(f"{chr(0x20000 + n)}{chr(0x20001 + n)}" for n in range(21_000))[:65_000]
    article = await editors.published(body=words)
    assert (await editors.rita.get(at(article))).json()["body"] == words
    await editors.published(body="x" * 65_536, title="y" * 200)
