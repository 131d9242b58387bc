"""A page of what was found, each with the place where; and what a misspelt question could have meant."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Text, case, cast, func, literal, select, true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.text_search import headline
from helpdesk_api.domains.embeddings.engine import Meaning, meaning_of
from helpdesk_api.domains.embeddings.enums import SearchEngine
from helpdesk_api.domains.knowledge import policy, tally
from helpdesk_api.domains.knowledge.languages import UNSPACED, in_pairs, words_of
from helpdesk_api.domains.knowledge.meaning import fused, rank_by_meaning
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion, ArticleWord
from helpdesk_api.domains.knowledge.queries import ArticleFilters, select_articles, shown
from helpdesk_api.domains.knowledge.ranking import (
    EXACT,
    MAX_CANDIDATES,
    Hit,
    asked_in_each_language,
    configurations,
    rank,
)
from helpdesk_api.domains.knowledge.schemas import MAX_HIGHLIGHT
from helpdesk_api.web.cursors import InvalidCursor, decode_cursor, encode_cursor
from helpdesk_api.web.listing import PageRequest
from helpdesk_api.web.marks import CLOSE, OPEN, marked_html

_HEADLINE: Final = (
    f'StartSel="{OPEN}", StopSel="{CLOSE}", MaxWords=30, MinWords=12, MaxFragments=2, FragmentDelimiter=" … "'
)
_HEADLINE_TEXT, _EXCERPT = 20_000, 120
# Less alike than this is another word and no slip of the pen.
_ALIKE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Found:
    """`hits` are the suggestion's where the question itself found nothing and `is_corrected` says so; they are all
    that there are if `is_whole`. `is_met` is whether any of them has a word that was asked for."""

    hits: list[Hit]
    text: str
    suggestion: str | None
    is_corrected: bool
    engines: list[SearchEngine]
    is_whole: bool
    is_met: bool


async def find(
    reads: ReadSession,
    principal: Principal | None,
    text: str,
    filters: ArticleFilters,
    *,
    is_understood: bool = False,
    meaning: Meaning | None = None,
) -> Found:
    """Two statements, a third where nothing has the words but a suggestion, and one or two more by meaning. Once
    `is_understood`, `meaning` is what the question means, and null where no model said it: none is asked again."""
    hits = await rank(reads, principal, text, filters)
    suggestion = await _suggest(reads, principal, text, is_found=bool(hits))
    is_corrected = False
    if not hits and suggestion is not None:
        corrected = await rank(reads, principal, suggestion, filters)
        if corrected:
            hits, text, is_corrected = corrected, suggestion, True
    is_whole = len(hits) < MAX_CANDIDATES
    if not is_understood or (is_corrected and meaning is not None):
        meaning = await meaning_of_question(reads, text)
    if meaning is None:
        return Found(hits, text, suggestion, is_corrected, [SearchEngine.FULL_TEXT], is_whole, bool(hits))
    near = await rank_by_meaning(reads, principal, meaning, filters)
    return Found(fused(hits, near), text, suggestion, is_corrected, list(SearchEngine), is_whole, bool(hits))


async def meaning_of_question(reads: ReadSession, text: str) -> Meaning | None:
    """Quotes and `-` are taken by the letter, and meaning knows no letters."""
    return None if EXACT.search(text) else await meaning_of(reads, text)


async def search_articles(
    reads: ReadSession, principal: Principal | None, text: str, filters: ArticleFilters, page: PageRequest
) -> dict[str, Any]:
    """As a `Page`, the best first. Raises `invalid_cursor`."""
    start = _start(page)
    found = await find(reads, principal, text, filters)
    # What a filter left out may well be written, and a later page is the same question.
    if filters == ArticleFilters() and not start and not found.hits:
        await tally.count_miss(reads, text)
    end = start + page.limit
    total = len(found.hits)
    return {
        "data": await show(reads, principal, found.hits[start:end], found.text),
        "next_cursor": encode_cursor(page.binding, ["hit", end]) if end < total else None,
        "prev_cursor": encode_cursor(page.binding, ["hit", max(0, start - page.limit)]) if start else None,
        "total": total if page.include_total else None,
        "total_is_exact": found.is_whole if page.include_total else None,
        "suggestion": found.suggestion,
        "is_corrected": found.is_corrected,
        "engines": found.engines,
    }


def _start(page: PageRequest) -> int:
    if page.cursor is None:
        return 0
    kind, *rest = decode_cursor(page.binding, page.cursor)
    if kind != "hit" or len(rest) != 1:
        raise InvalidCursor(parameter="cursor")
    return int(rest[0])


async def show(reads: ReadSession, principal: Principal | None, hits: Sequence[Hit], text: str) -> list[dict[str, Any]]:
    """The hits in their order, as a list shows them; one statement, and headlines for these rows alone."""
    if not hits:
        return []
    asked = asked_in_each_language(text, sorted({hit.language.value for hit in hits}))
    plain = func.left(
        func.translate(
            func.concat_ws(" — ", ArticleVersion.title, ArticleVersion.summary, ArticleVersion.body),
            literal(f"{OPEN}{CLOSE}"),
            literal(""),
        ),
        _HEADLINE_TEXT,
    )
    # Found by meaning, where a language has no word of the question: there is nothing to mark.
    excerpt = func.coalesce(
        headline(configurations(), plain, asked.c.loose, literal(_HEADLINE)), func.left(plain, _EXCERPT)
    )
    is_unspaced = cast(Article.language, Text).in_([language.value for language in UNSPACED])
    marked = case((is_unspaced, plain), else_=excerpt)
    statement = (
        select_articles(principal, with_text=False)
        .add_columns(marked.label("marked"))
        .outerjoin(asked, asked.c.language == cast(Article.language, Text))
        .where(Article.id.in_([hit.id for hit in hits]))
    )
    rows = {row["id"]: row for row in await reads.fetch(statement)}
    return [
        shown(principal, rows[hit.id])
        | {"score": round(hit.score, 4), "highlight": _highlight(hit, rows[hit.id], text)}
        for hit in hits
        if hit.id in rows
    ]


def _highlight(hit: Hit, row: Any, text: str) -> str:
    """Everything is escaped but our own marks."""
    marked = row["marked"] if hit.language not in UNSPACED else _mark_pairs(row["marked"], text)
    return marked_html(marked, MAX_HIGHLIGHT)


def _mark_pairs(text: str, asked: str) -> str:
    """Where no spaces part the words: a piece round the first pair of characters that was asked for."""
    pairs = sorted(set(in_pairs(asked).split()), key=len, reverse=True)
    if not pairs:
        return text[:_EXCERPT]
    # Pairs overlap: one that begins inside another belongs to the same run.
    pair = re.compile(f"(?=({'|'.join(map(re.escape, pairs))}))", re.IGNORECASE)
    first = pair.search(text)
    start = max(0, first.start() - _EXCERPT // 3) if first else 0
    shown = text[start : start + _EXCERPT]
    marked, done = "", 0
    for begin, end in _joined(match.span(1) for match in pair.finditer(shown)):
        marked, done = f"{marked}{shown[done:begin]}{OPEN}{shown[begin:end]}{CLOSE}", end
    return marked + shown[done:]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In their order; those that touch are one."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


async def _suggest(reads: ReadSession, principal: Principal | None, text: str, *, is_found: bool) -> str | None:
    """The question with each word that nothing readable has replaced by the one most like it; null when all are
    known, or nothing is like them."""
    asked = words_of([text])
    if not asked:
        return None
    words = func.unnest(literal(asked, ARRAY(Text))).table_valued("word").render_derived()
    word = cast(words.c.word, Text)
    sight: ColumnElement[bool] = policy.public() if principal is None else policy.readable(principal)
    alike = func.similarity(ArticleWord.word, word)
    known = select(ArticleWord.word.label("known"), alike.label("alike"))
    known = known.join(Article, Article.id == ArticleWord.article_id).where(sight)
    best = (
        known.where(ArticleWord.word.op("%", is_comparison=True)(word))
        .group_by(ArticleWord.word)
        .order_by(alike.desc(), func.count().desc(), ArticleWord.word)
        .limit(1)
        .lateral("best")
    )
    # To look for what is alike takes a hundred times as long as to see that the word itself is there.
    is_known = known.where(ArticleWord.word == word).exists()
    rows = await reads.fetch(select(word.label("word"), best.c.known, best.c.alike).join(best, true()).where(~is_known))
    instead = {
        row["word"]: row["known"]
        for row in rows
        if _is_slip(row["word"], row["known"], row["alike"], is_found=is_found)
    }
    return replaced(text, instead)


def replaced(text: str, instead: Mapping[str, str]) -> str | None:
    """With other words in place of these, which are in lower case; null where that is the same text."""
    if not instead:
        return None
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in instead), re.IGNORECASE)
    # `İ` is an `i` to a pattern that ignores case, and in lower case it is two characters.
    suggestion = pattern.sub(lambda match: instead.get(match[0].lower(), match[0]), text)[:400]
    return suggestion if suggestion != text else None


def _is_slip(word: str, known: str, alike: float, *, is_found: bool) -> bool:
    """Another form of the same word is no slip, and finds what it means; where nothing was found, a letter too few or
    too many at the end is a slip like any other."""
    is_longer = known.startswith(word) or word.startswith(known)
    is_form = is_longer and (is_found or abs(len(known) - len(word)) > 1)
    return alike >= _ALIKE and not is_form
