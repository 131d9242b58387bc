"""Which words of a text tell it from others: what the corpus knows of each, in one statement."""

from functools import lru_cache
from typing import Final

from sqlalchemy import (
    ARRAY,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.text_search import parsed
from helpdesk_api.domains.suggestions.rules import AskedWord
from helpdesk_api.domains.tickets.words import CONFIGURATION, LANGUAGES, SearchWord, languages_in_use

# What comes after is detail, signature and quoted mail.
TEXT_LENGTH: Final = 4_000
_WORD: Final = "^[[:alnum:]]{3,40}$"


@lru_cache(maxsize=1)
def _statement() -> CompiledStatement:
    vector = func.to_tsvector(CONFIGURATION, parsed(bindparam("text", type_=Text)))
    parts = func.unnest(vector).table_valued("lexeme", "positions", "weights", name="part")
    nothing = literal_column("'{}'::text[]", ARRAY(Text))
    languages = cast(bindparam("languages", type_=ARRAY(Text)), ARRAY(Text))
    stops = [
        and_(
            literal_column(f"'{language}'", Text) == any_(languages),
            func.ts_lexize(literal_column(f"'{stemmer}'"), parts.c.lexeme, type_=ARRAY(Text)) == nothing,
        )
        for language, (stemmer, _) in LANGUAGES.items()
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


async def read_words(reads: ReadSession, text: str) -> list[AskedWord]:
    """What is a stop word in a language of the desk is one."""
    languages = await languages_in_use(reads)
    rows = await reads.fetch(_statement(), {"text": text[:TEXT_LENGTH], "languages": languages})
    return [AskedWord(row["word"], row["place"], row["seen_count"], row["is_stop_word"]) for row in rows]
