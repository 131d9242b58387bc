"""Which words of a text tell it from others: what the corpus knows of each, in one statement."""

from functools import lru_cache
from typing import Final

from sqlalchemy import ARRAY, SmallInteger, Text, bindparam, false, func, literal_column, or_, select, type_coerce

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.suggestions.rules import AskedWord, choose
from helpdesk_api.domains.tickets.words import CONFIGURATION, LANGUAGES, SearchWord

# What comes after is detail, signature and quoted mail.
TEXT_LENGTH: Final = 4_000
_WORD: Final = "^[[:alnum:]]{3,40}$"


@lru_cache(maxsize=1)
def _statement() -> CompiledStatement:
    vector = func.to_tsvector(CONFIGURATION, bindparam("text", type_=Text))
    parts = func.unnest(vector).table_valued("lexeme", "positions", "weights", name="part")
    nothing = literal_column("'{}'::text[]", ARRAY(Text))
    stops = [
        func.ts_lexize(literal_column(f"'{stemmer}'"), parts.c.lexeme, type_=ARRAY(Text)) == nothing
        for stemmer, _ in LANGUAGES.values()
    ]
    return CompiledStatement(
        select(
            parts.c.lexeme.label("word"),
            type_coerce(parts.c.positions, ARRAY(SmallInteger))[literal_column("1")].label("place"),
            SearchWord.seen_count,
            func.coalesce(or_(*stops), false()).label("is_stop_word"),
        )
        .select_from(parts.outerjoin(SearchWord, SearchWord.word == parts.c.lexeme))
        .where(parts.c.lexeme.regexp_match(literal_column(f"'{_WORD}'")))
    )


async def telling_words(reads: ReadSession, text: str) -> dict[str, float]:
    """By their worth; see `rules.choose`."""
    rows = await reads.fetch(_statement(), {"text": text[:TEXT_LENGTH]})
    return choose([AskedWord(row["word"], row["place"], row["seen_count"], row["is_stop_word"]) for row in rows])
