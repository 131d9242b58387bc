"""The condition tree as people type it: `is:open priority:>=high assignee:me "vpn drops" -tag:printer`.

Terms stand side by side for "and"; `OR`, `NOT` or `-`, and round brackets do the rest. A field takes a value, several
with commas, one of `>`, `>=`, `<`, `<=` before it, or `none`. Of what is known elsewhere, `cf_laptop.id:LT-17` asks for
the id and `cf_laptop.label:spare` for the words after it. What belongs to no field is full text, `~word` with all words
that are spelt much like it. Where an id is meant, a name may stand: whoever asks looks them up first (`names_in`) and
hands over whom each of them may mean.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, Final, NoReturn
from uuid import UUID

from lark import Lark, Token, Tree, UnexpectedInput, v_args
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from helpdesk_api.conditions.checking import Asker, Checked, Every, InvalidConditions, Inverse, Some, check
from helpdesk_api.conditions.registry import CUSTOM_PREFIX, CustomKind, FieldSpec, FieldType, Subject
from helpdesk_api.conditions.tree import MAX_DEPTH, MAX_ITEMS, MAX_LEAVES, ConditionComparison, ConditionOperator
from helpdesk_api.database.ids import public_id
from helpdesk_api.web.errors import BadRequest, FieldError

_O = ConditionOperator
_SIGNS: Final = {">": _O.GT, ">=": _O.GTE, "<": _O.LT, "<=": _O.LTE}
_TERM: Final = re.compile(r"(cf_[a-z0-9_]+\.(?:id|label)|[a-z][a-z0-9_]*):(>=|<=|>|<)?(.*)", re.DOTALL)
_VALUE: Final = re.compile(r'"([^"]*)"|([^,"]+)')
_PLAIN: Final = re.compile(r"""[^\s()",<>=][^\s()",]*""")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,6}", re.ASCII)
_ID: Final = re.compile(r"[a-z]{3}_[0-9a-f]{32}", re.ASCII)
# A text that stands for what is spelt much alike; letters in threes are what likeness is made of.
NEAR: Final = re.compile(r"~(\w{3,40})")
_MOST_NAMED: Final = 5
_GRAMMAR: Final = r"""
start: disjunction
disjunction: conjunction (_OR conjunction)*
conjunction: _factor (_AND? _factor)*
_factor: atom | inverse
inverse: (_NOT | _MINUS) (atom | inverse)
atom: _OPEN disjunction _CLOSE | TERM | PHRASE | WORD

_OR.3: /OR(?![^\s()"])/
_AND.3: /AND(?![^\s()"])/
_NOT.3: /NOT(?![^\s()"])/
_MINUS.3: "-"
_OPEN: "("
_CLOSE: ")"
TERM.2: /(cf_[a-z0-9_]+\.(id|label)|[a-z][a-z0-9_]*):(>=|<=|>|<)?("[^"]*"|[^\s()",]+)(,("[^"]*"|[^\s()",]+))*/
PHRASE: /"[^"]*"/
WORD: /[^\s()"\-][^\s()"]*/
%ignore /\s+/
"""


class InvalidQuery(BadRequest):
    """`errors[].params.column` counts characters from 1."""

    code = "invalid_query"
    title = "The query cannot be understood"
    remedy = "Correct the place that `errors[].params.column` counts to; quote what is meant as text."


@dataclass(frozen=True)
class Vocabulary:
    """How a subject's fields are called in a query; `flags` are the words after `is:`, each the terms it stands for.

    A text field among `whole` is compared as a whole, any other by what it contains.
    """

    subject: Subject
    fields: Mapping[str, str]
    flags: Mapping[str, Sequence[tuple[str, ConditionOperator, Any]]]
    whole: frozenset[str] = frozenset()
    full_text: str = "text"


@dataclass(frozen=True, slots=True)
class Named:
    """A record that goes by a name."""

    id: UUID
    name: str


Names = Mapping[tuple[str, str], Sequence[Named]]
"""By the prefix of the records' ids and the name as it was typed: those whom it may mean."""


def parse_query(text: str, vocabulary: Vocabulary, asker: Asker, names: Names | None = None) -> Checked:
    """Raises `invalid_query`, which points at the column."""
    if not text.strip():
        return Every(())
    tree = _read(text)
    try:
        found: _Part = _Builder(vocabulary, asker, names or {}).transform(tree)
    except VisitError as error:
        raise error.orig_exc from error
    return found.checked


def names_in(text: str, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """What stands where an id is meant and is none, as the keys of `Names`. A query that cannot be read has none."""
    try:
        tree = _read(text) if text.strip() else None
    except InvalidQuery:
        return
    for token in _terms(tree) if tree else ():
        name, _, values = _split(str(token))
        field = vocabulary.subject.find(vocabulary.fields.get(name, name if name.startswith(CUSTOM_PREFIX) else ""))
        if field is not None:
            yield from ((str(field.prefix), value) for value in values if _is_name(field, value))


def _is_name(field: FieldSpec, value: str) -> bool:
    if field.prefix is None or value == "none" or (field.prefix == "usr" and value == "me"):
        return False
    return not _ID.fullmatch(value)


def with_value(text: str, vocabulary: Vocabulary, field: str, before: str, after: str) -> str:
    """The query with another value wherever a term of this field has the one, and all else as it was typed. Where it
    cannot be read it stays. Raises ValueError for a value that cannot be written in a query."""
    try:
        terms = _terms(_read(text)) if text.strip() else []
    except InvalidQuery:
        return text
    for term in sorted(terms, key=lambda one: one.start_pos or 0, reverse=True):
        name, sign, values = _split(str(term))
        if vocabulary.fields.get(name) != field or before not in values or before == "none":
            continue
        kept = dict.fromkeys(after if value == before else value for value in values)
        said = f"{name}:{sign or ''}{','.join(_written(value) for value in kept)}"
        start = term.start_pos or 0
        text = text[:start] + said + text[start + len(term) :]
    return text


def _terms(tree: Tree[Token]) -> list[Token]:
    """However deep: Lark's own way to them calls itself."""
    parts: Iterator[Tree[Token]] = tree.iter_subtrees_topdown()  # type: ignore[no-untyped-call]
    leaves = (leaf for part in parts for leaf in part.children)
    return [leaf for leaf in leaves if isinstance(leaf, Token) and leaf.type == "TERM"]


def _written(value: str) -> str:
    # `none` means that there is nothing, quoted or not.
    if '"' in value or value == "none":
        message = "this cannot stand as a value"
        raise ValueError(message)
    return value if _PLAIN.fullmatch(value) else f'"{value}"'


@lru_cache(maxsize=256)
def _read(text: str) -> Tree[Token]:
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        if getattr(getattr(error, "token", None), "type", None) == "$END":
            _refuse("syntax", "the query ends too early", len(text) + 1)
        place: Any = error.pos_in_stream
        _refuse("syntax", "this is not expected here", place + 1)


def _split(term: str) -> tuple[str, str | None, list[str]]:
    """The field, the sign before its values, and these."""
    found = _TERM.fullmatch(term)
    assert found is not None  # noqa: S101 - the same form as the grammar's TERM
    name, sign, rest = found.groups()
    return name, sign, [quoted or plain for quoted, plain in _VALUE.findall(rest)]


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual")


def _refuse(code: str, detail: str, column: int, **params: Any) -> NoReturn:
    message = f"Column {column}: {detail}."
    raise InvalidQuery(
        message, errors=[FieldError(code, detail, parameter="query", params={"column": column, **params})]
    )


@dataclass(frozen=True, slots=True)
class _Part:
    checked: Checked
    depth: int
    leaves: int


@v_args(inline=True)
class _Builder(Transformer_NonRecursive[Token, _Part]):
    """Bottom-up, so that each part knows how deep and how wide it is before the next one is laid round it."""

    def __init__(self, vocabulary: Vocabulary, asker: Asker, names: Names) -> None:
        super().__init__(visit_tokens=False)
        self._vocabulary = vocabulary
        self._asker = asker
        self._names = names

    def start(self, part: _Part) -> _Part:
        return part

    def disjunction(self, *parts: _Part) -> _Part:
        return parts[0] if len(parts) == 1 else _bounded(Some(tuple(part.checked for part in parts)), parts)

    def conjunction(self, *parts: _Part) -> _Part:
        return parts[0] if len(parts) == 1 else _bounded(Every(tuple(part.checked for part in parts)), parts)

    def inverse(self, part: _Part) -> _Part:
        return _bounded(Inverse(part.checked), [part])

    def atom(self, given: Token | _Part) -> _Part:
        if isinstance(given, _Part):
            return given
        column = (given.start_pos or 0) + 1
        if given.type == "TERM":
            return self._term(str(given), column)
        if given.startswith("~") and given.type == "WORD" and not NEAR.fullmatch(str(given)):
            _refuse("word_expected", "`~` stands before one word of at least three letters", column)
        return self._leaf(self._vocabulary.full_text, _O.MATCHES, str(given), column)

    def _term(self, text: str, column: int) -> _Part:
        name, sign, values = _split(text)
        if len(values) > MAX_ITEMS:
            _refuse("too_many_values", f"at most {MAX_ITEMS} values are taken here", column)
        if name == "is":
            return self._flags(values, sign, column)
        field = self._vocabulary.fields.get(name)
        if field is None and self._vocabulary.subject.find(name) is not None and name.startswith(CUSTOM_PREFIX):
            field = name
        if field is None:
            known = ", ".join(sorted([*self._vocabulary.fields, "is"]))
            _refuse("unknown_field", f"there is no field `{name[:50]}`; known are {known}", column)
        place = column + len(name) + 1 + len(sign or "")
        if sign:
            if not values:
                _refuse("value_expected", f"`{name}:{sign}` takes a value", place)
            if len(values) > 1:
                _refuse("single_value_expected", f"`{sign}` takes one value", place)
            return self._leaf(field, _SIGNS[sign], self._value(field, values[0], place), place)
        parts = [self._equal(field, value, place) for value in values]
        return parts[0] if len(parts) == 1 else _bounded(Some(tuple(part.checked for part in parts)), parts)

    def _equal(self, field: str, value: str, column: int) -> _Part:
        kind = self._kind(field)
        if value == "none":
            return self._leaf(field, _O.IS_NULL, value=True, column=column)
        if kind is FieldType.TEXT and field not in self._vocabulary.whole:
            return self._leaf(field, _O.CONTAINS, value, column)
        if kind in {FieldType.TEXT_LIST, FieldType.CUSTOM_LABEL}:
            return self._leaf(field, _O.CONTAINS, value, column)
        if kind is FieldType.CUSTOM:
            # Written without its type, it may be either where forms differ.
            meant = self._custom(field, value, column)
            return self._leaf(field, _O.IN if len(meant) > 1 else _O.EQ, meant if len(meant) > 1 else meant[0], column)
        if kind is FieldType.INSTANT and _DAY.fullmatch(value):
            # A day without a sign is the whole of it.
            day = self._day(value, column)
            # The first of them refuses years after which there is no next day.
            both = [self._leaf(field, _O.GTE, f"{day}T00:00:00Z", column)]
            both.append(self._leaf(field, _O.LT, f"{day + timedelta(days=1)}T00:00:00Z", column))
            return _bounded(Every(tuple(part.checked for part in both)), both)
        return self._leaf(field, _O.EQ, self._value(field, value, column), column)

    def _kind(self, field: str) -> FieldType | None:
        found = self._vocabulary.subject.find(field)
        return found.kind if found is not None else None

    def _value(self, field: str, value: str, column: int) -> Any:
        spec = self._vocabulary.subject.find(field)
        kind = spec.kind if spec is not None else None
        if spec is not None and _is_name(spec, value):
            return self._id(str(spec.prefix), value, column)
        if kind is FieldType.CUSTOM:
            return self._custom(field, value, column)[-1]
        if kind is FieldType.NUMBER and _NUMBER.fullmatch(value):
            return int(value)
        if kind is FieldType.BOOLEAN and value in {"true", "false"}:
            return value == "true"
        if kind is FieldType.INSTANT and _DAY.fullmatch(value):
            return f"{self._day(value, column)}T00:00:00Z"
        return value

    def _custom(self, field: str, value: str, column: int) -> list[str | float | bool]:
        """What a value may stand for in what the field holds; its text where it can be nothing else."""
        spec = self._vocabulary.subject.find(field)
        if spec is not None and _is_name(spec, value):
            return [self._id(str(spec.prefix), value, column)]
        customs = spec.customs if spec is not None else frozenset()
        typed = _typed(value)
        fits = CustomKind.BOOLEAN if isinstance(typed, bool) else CustomKind.NUMBER
        meant: list[str | float | bool] = [value] if customs - {CustomKind.NUMBER, CustomKind.BOOLEAN} else []
        if typed != value and fits in customs:
            meant.append(typed)
        return meant or [value]

    def _id(self, prefix: str, name: str, column: int) -> str:
        """Of the one record that a name means here."""
        meant = self._names.get((prefix, name), ())
        if len(meant) == 1:
            return public_id(prefix, meant[0].id)
        shown = [f"{one.name} ({public_id(prefix, one.id)})" for one in meant[:_MOST_NAMED]]
        if not shown:
            _refuse("unknown_name", f"nothing here goes by `{name[:100]}`", column, prefix=prefix, name=name[:100])
        more = " and others" if len(meant) > _MOST_NAMED else ""
        detail = f"`{name[:100]}` may mean {', '.join(shown)}{more}; give the id"
        _refuse("ambiguous_name", detail, column, candidates=shown)

    def _day(self, value: str, column: int) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            _refuse("date_expected", f"`{value}` is no day of the calendar", column)

    def _flags(self, values: Sequence[str], sign: str | None, column: int) -> _Part:
        known = self._vocabulary.flags
        if sign or any(value not in known for value in values):
            _refuse("unknown_flag", f"`is:` takes {', '.join(sorted(known))}", column)
        alternatives = []
        for value in values:
            leaves = [self._leaf(*term, column) for term in known[value]]
            alternatives.append(_bounded(Every(tuple(leaf.checked for leaf in leaves)), leaves))
        if len(alternatives) == 1:
            return alternatives[0]
        return _bounded(Some(tuple(part.checked for part in alternatives)), alternatives)

    def _leaf(self, field: str, op: ConditionOperator, value: Any, column: int) -> _Part:
        node = ConditionComparison.model_construct(field=field, op=op, value=value)
        try:
            checked = check(node, self._vocabulary.subject, asker=self._asker)
        except InvalidConditions as error:
            wrong = error.errors[0]
            _refuse(wrong.code, wrong.detail, column)
        return _Part(checked, 1, 1)


def _typed(value: str) -> str | float | bool:
    """What a text may stand for in a field that may hold anything."""
    if _NUMBER.fullmatch(value):
        return int(value)
    if _DECIMAL.fullmatch(value):
        return float(value)
    return value == "true" if value in {"true", "false"} else value


def _bounded(checked: Checked, parts: Sequence[_Part]) -> _Part:
    depth, leaves = 1 + max(part.depth for part in parts), sum(part.leaves for part in parts)
    if depth > 2 * MAX_DEPTH:
        _refuse("query_too_deep", f"a query is nested at most {2 * MAX_DEPTH} deep", 1)
    if leaves > MAX_LEAVES:
        _refuse("query_too_large", f"a query has at most {MAX_LEAVES} terms", 1)
    return _Part(checked, depth, leaves)
