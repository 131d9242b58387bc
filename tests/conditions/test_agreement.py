"""The SQL and the Python of one tree agree on every row, on a real PostgreSQL."""

import asyncio
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from helpdesk_api.conditions.predicate import compile_predicate, fold
from helpdesk_api.conditions.sql import compile_where
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from tests.conditions.things import Size, Thing, checked, things

# Few values, so that comparisons meet; the letters are those on which lower-casing goes wrong.
LETTERS = "aAäÄßẞsSſıIiİΣσςkK\u212a éE\u0301%_\\/'ǅǄ"
words = st.text(st.sampled_from(LETTERS), max_size=4) | st.text(
    st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3
)
owners = st.sampled_from([UUID(int=1), UUID(int=2), UUID(int=3)])
EPOCH = datetime(2026, 3, 29, tzinfo=UTC)
instants = st.integers(-2, 2).map(lambda n: EPOCH + timedelta(microseconds=n))
numbers = st.integers(-3, 3)
ratios = st.sampled_from([-1.5, -0.0, 0.0, 0.1, 1.0, 2.5])


def nullable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


rows = st.builds(
    Thing,
    title=nullable(words),
    size=nullable(st.sampled_from(Size)),
    owner_id=nullable(owners),
    at=nullable(instants),
    amount=nullable(numbers),
    ratio=nullable(ratios),
    is_open=nullable(st.booleans()),
    tags=nullable(st.lists(words, max_size=3)),
)
VALUES: dict[str, tuple[st.SearchStrategy[Any], list[str]]] = {
    "title": (words, ["eq", "ne", "contains", "in", "nin"]),
    "size": (st.sampled_from([size.value for size in Size]), ["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte"]),
    "owner_id": (owners.map(lambda owner: public_id("usr", owner)), ["eq", "ne", "in", "nin"]),
    "at": (instants.map(datetime.isoformat), ["eq", "ne", "gt", "gte", "lt", "lte"]),
    "amount": (numbers | ratios, ["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte"]),
    "ratio": (numbers | ratios, ["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte"]),
    "is_open": (st.booleans(), ["eq", "ne"]),
    "tags": (words, ["contains", "in", "nin"]),
}


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(VALUES)))
    values, operators = VALUES[name]
    op = draw(st.sampled_from([*operators, "is_null"]))
    if op == "is_null":
        return {"field": name, "op": op, "value": draw(st.booleans())}
    value = draw(st.lists(values, min_size=1, max_size=3) if op in {"in", "nin"} else values)
    return {"field": name, "op": op, "value": value}


trees = st.recursive(
    comparisons(),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda found: {"all": found}),
        st.lists(parts, min_size=1, max_size=3).map(lambda found: {"any": found}),
        parts.map(lambda found: {"not": found}),
    ),
    max_leaves=6,
).filter(lambda tree: depth(tree) <= 8)


def depth(tree: dict[str, Any]) -> int:
    parts = [*tree.get("all", []), *tree.get("any", []), *([tree["not"]] if "not" in tree else [])]
    return 1 + max((depth(part) for part in parts), default=0)


FILL = "INSERT INTO condition_things SELECT * FROM jsonb_populate_recordset(NULL::condition_things, $1::jsonb)"


class Bench:
    """One connection with the table of things, on a loop of its own so that hypothesis can stay synchronous."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.Runner()
        self._connection = self._loop.run(asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1)))
        create = CreateTable(things).compile(dialect=postgresql.dialect())
        self._loop.run(self._connection.execute(str(create)))

    def matching(self, subjects: list[Thing], tree: Any) -> set[int]:
        return self._loop.run(self._matching(subjects, tree))

    async def _matching(self, subjects: list[Thing], tree: Any) -> set[int]:
        subjects_as_json = [{"id": number, **asdict(subject)} for number, subject in enumerate(subjects)]
        await self._connection.execute("DELETE FROM condition_things")
        await self._connection.execute(FILL, json.dumps(subjects_as_json, default=str))
        found = await ReadSession(self._connection).fetch(select(things.c.id).where(compile_where(checked(tree))))
        return {row["id"] for row in found}

    def lowered(self, characters: list[str]) -> list[str]:
        query = "SELECT lower(c) AS lowered FROM unnest($1::text[]) WITH ORDINALITY AS x(c, n) ORDER BY n"
        return [row["lowered"] for row in self._loop.run(self._connection.fetch(query, characters))]

    def close(self) -> None:
        self._loop.run(self._connection.close())
        self._loop.close()


@pytest.fixture(scope="module")
def bench(server_url: str) -> Iterator[Bench]:
    bench = Bench(server_url)
    yield bench
    bench.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(subjects=st.lists(rows, min_size=1, max_size=6), tree=trees)
@example(subjects=[Thing()], tree={"not": {"field": "title", "op": "eq", "value": "a"}})
@example(subjects=[Thing()], tree={"not": {"not": {"field": "amount", "op": "gt", "value": 0}}})
@example(subjects=[Thing(title="İX")], tree={"field": "title", "op": "contains", "value": "ix"})
@example(subjects=[Thing(tags=[]), Thing()], tree={"field": "tags", "op": "nin", "value": ["a"]})
def test_sql_and_predicate_agree(bench: Bench, subjects: list[Thing], tree: Any) -> None:
    matches = compile_predicate(checked(tree))
    expected = {number for number, subject in enumerate(subjects) if matches(subject)}
    assert bench.matching(subjects, tree) == expected


@settings(max_examples=100, deadline=None)
@given(subject=rows, tree=trees)
def test_a_negation_is_the_opposite(subject: Thing, tree: Any) -> None:
    if depth(tree) < 8:
        assert compile_predicate(checked({"not": tree}))(subject) is not compile_predicate(checked(tree))(subject)


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ({"field": "title", "op": "eq", "value": "a"}, False),
        ({"field": "title", "op": "ne", "value": "a"}, True),
        ({"field": "title", "op": "in", "value": ["a"]}, False),
        ({"field": "title", "op": "nin", "value": ["a"]}, True),
        ({"field": "title", "op": "contains", "value": ""}, False),
        ({"field": "amount", "op": "gt", "value": 0}, False),
        ({"field": "amount", "op": "lte", "value": 0}, False),
        ({"field": "title", "op": "is_null", "value": True}, True),
        ({"field": "title", "op": "is_null", "value": False}, False),
        ({"field": "tags", "op": "is_null", "value": True}, True),
    ],
)
def test_null_is_unlike_every_value(bench: Bench, leaf: Any, expected: bool) -> None:
    assert compile_predicate(checked(leaf))(Thing()) is expected
    assert bench.matching([Thing()], leaf) == ({0} if expected else set())


def test_contains_ignores_case_and_takes_wildcards_literally(bench: Bench) -> None:
    subjects = [Thing(title="Ärger mit 100% CPU"), Thing(title="100 CPU"), Thing(title="a_b"), Thing(title="axb")]
    assert bench.matching(subjects, {"field": "title", "op": "contains", "value": "äRGER"}) == {0}
    assert bench.matching(subjects, {"field": "title", "op": "contains", "value": "0%"}) == {0}
    assert bench.matching(subjects, {"field": "title", "op": "contains", "value": "A_B"}) == {2}


def test_an_enum_is_ordered_by_its_members(bench: Bench) -> None:
    subjects = [Thing(size=Size.SMALL), Thing(size=Size.HUGE), Thing(size=Size.LARGE)]
    assert bench.matching(subjects, {"field": "size", "op": "gte", "value": "large"}) == {1, 2}


def test_every_letter_is_lowered_alike(bench: Bench) -> None:
    letters = [chr(n) for n in range(1, 0x110000) if unicodedata.category(chr(n)) not in {"Cs", "Cn", "Co"}]
    different = {
        letter: (here, there)
        for letter, here, there in zip(letters, map(fold, letters), bench.lowered(letters), strict=True)
        if here != there
    }
    assert different == {}
