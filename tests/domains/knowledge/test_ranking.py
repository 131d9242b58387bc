"""How often a word stands in an article, read off what PostgreSQL writes of it."""

import json

import pytest
from sqlalchemy import text

from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge.ranking import occurrences


@pytest.mark.parametrize("lexeme", ["vpn", "o'neil", "c:\\temp", "a 'vpn", "it's:1a", "ümlaut", "'"])
async def test_each_word_is_found_as_often_as_it_stands_there(database: Database, lexeme: str) -> None:
    said = "setweight(vector, 'A') || setweight(vector, 'B') || vector || vector || to_tsvector('simple', 'vpns av vp')"
    asked = text(f"SELECT CAST({said} AS text) FROM (SELECT CAST(:vector AS tsvector) AS vector) AS given")
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    async with database.session() as session:
        written = await session.scalar(asked, {"vector": f"'{escaped}':3"})
        known = await session.scalar(
            text("SELECT json_object_agg(lexeme, cardinality(weights)) FROM unnest(CAST(:written AS tsvector))"),
            {"written": written},
        )
    known = json.loads(known) if isinstance(known, str) else known
    assert known == {lexeme: 4, "vpns": 1, "av": 1, "vp": 1}
    # Three for a title, two for a summary, one for each place in the text.
    assert occurrences(written, [lexeme, "vp", "pn", "nothing"]) == {lexeme: 3 + 2 + 1 + 1, "vp": 1}
