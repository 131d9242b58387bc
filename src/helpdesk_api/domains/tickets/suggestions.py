"""What somebody may have meant who finds nothing: words that are spelt much alike, and would find something.

A suggestion tells that a word was written somewhere. So a requester's come from the tickets that they see and what is
public on them, and nothing else is looked at; the staff's are shown only when they can read a text that has it.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession, opaque
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.full_text import Sought, lies_on_readable
from helpdesk_api.domains.tickets.models import SEARCH, Ticket
from helpdesk_api.domains.tickets.words import CONFIGURATION, SearchWord, searched_texts

MAX_WORDS: Final = 5
MAX_SUGGESTIONS: Final = 3
_CANDIDATES, _LOOKED_AT, _OWN_TICKETS, _OWN_TEXTS = 8, 500, 200, 1_000


async def did_you_mean_json(reads: ReadSession, principal: Principal, texts: Sequence[Sought]) -> str:
    """Of the first five words that are looked for. One statement, or none."""
    words = list(dict.fromkeys(word for text in texts for word in text.words))[:MAX_WORDS]
    return json.dumps(await suggest(reads, principal, words) if words else [], ensure_ascii=False)


async def suggest(reads: ReadSession, principal: Principal, words: Sequence[str]) -> list[dict[str, Any]]:
    """For each word that finds the caller nothing, up to three that would and are spelt much like it."""
    shape = policy.shape_of(principal)
    rows = await reads.fetch(_suggestions(shape), {**policy.caller_parameters(principal), "words": list(words)})
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["asked"], []).append(row["word"])
    return [
        {"word": word, "suggestions": near[:MAX_SUGGESTIONS]}
        for word, near in found.items()
        # It does find something by itself; what is amiss is another word, or all of them together.
        if word not in near
    ]


@lru_cache(maxsize=16)
def _suggestions(shape: policy.CallerShape) -> CompiledStatement:
    asked = (
        func.unnest(opaque(bindparam("words", type_=ARRAY(Text)))).table_valued("word", name="asked").render_derived()
    )
    near = (_of_corpus if shape.is_staff else _of_own_tickets)(shape, asked)
    return CompiledStatement(
        select(asked.c.word.label("asked"), near.c.word)
        .select_from(asked.join(near, true()))
        .order_by(asked.c.word, near.c.likeness.desc(), near.c.word)
    )


def _of_corpus(shape: policy.CallerShape, asked: FromClause) -> Any:
    """The likeliest words of all, then of these the ones that would find the caller something."""
    likeness = func.similarity(SearchWord.word, asked.c.word)
    candidates = (
        select(SearchWord.word, likeness.label("likeness"))
        .where(SearchWord.word.bool_op("%")(asked.c.word))
        .order_by(likeness.desc(), SearchWord.seen_count.desc())
        .limit(literal_column(str(_CANDIDATES)))
        .correlate(asked)
        .lateral("candidates")
    )
    return select(candidates.c.word, candidates.c.likeness).where(_finds(shape, candidates.c.word)).lateral("near")


def _finds(shape: policy.CallerShape, word: Any) -> ColumnElement[bool]:
    """Among the first few hundred tickets with it, or in what lies on one."""
    tsquery = func.plainto_tsquery(CONFIGURATION, word)
    first = (
        select(Ticket.id)
        .where(SEARCH.op("@@")(tsquery))
        .limit(literal_column(str(_LOOKED_AT)))
        .correlate_except(Ticket)
        .scalar_subquery()
    )
    own = exists(select(Ticket.id).where(Ticket.id == func.any(func.array(first)), policy.readable(shape)))
    return or_(own, *lies_on_readable(shape, tsquery))


def _of_own_tickets(shape: policy.CallerShape, asked: FromClause) -> Any:
    """Of the caller's latest tickets and what is public on them: nothing else is looked at."""
    own = (
        select(Ticket.id, SEARCH)
        .where(policy.readable(shape))
        .order_by(Ticket.created_at.desc(), Ticket.id.desc())
        .limit(literal_column(str(_OWN_TICKETS)))
        .cte("own")
    )
    vectors: list[Select[Any]] = [select(own.c.search.label("vector"))]
    for texts in searched_texts()[1:]:
        for home in (texts.ticket_id, texts.merged_from_id):
            if home is not None:
                shown = select(texts.vector.label("vector")).join(own, own.c.id == home).where(texts.is_public)
                vectors.append(select(shown.limit(literal_column(str(_OWN_TEXTS))).subquery().c.vector))
    vector = union_all(*vectors).cte("vectors")
    parts = func.unnest(vector.c.vector).table_valued("lexeme", "positions", "weights", name="part").lateral()
    words = select(parts.c.lexeme.label("word")).select_from(vector.join(parts, true())).distinct().cte("own_words")
    likeness = func.similarity(words.c.word, asked.c.word).label("likeness")
    return (
        select(words.c.word, likeness)
        .where(words.c.word.bool_op("%")(asked.c.word))
        .order_by(likeness.desc(), words.c.word)
        .limit(literal_column(str(_CANDIDATES)))
        .lateral("near")
    )
