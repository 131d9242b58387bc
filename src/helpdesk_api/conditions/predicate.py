"""A checked tree as a Python function; `sql` gives the same answer in the database.

Two-valued throughout: a comparison with null is false, so its negation, and `ne` and `nin`, are true of null.
"""

import operator
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from helpdesk_api.conditions.checking import Checked, Every, Inverse, Leaf, Some
from helpdesk_api.conditions.registry import FieldSpec, FieldType
from helpdesk_api.conditions.tree import ConditionOperator

Predicate = Callable[[Any], bool]

ORDERINGS: Final[Mapping[ConditionOperator, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        ConditionOperator.GT: operator.gt,
        ConditionOperator.GTE: operator.ge,
        ConditionOperator.LT: operator.lt,
        ConditionOperator.LTE: operator.le,
    }
)


def fold(text: str) -> str:
    """Lower case one character at a time, as PostgreSQL's builtin `C.UTF-8` does.

    Python's own `lower` makes two characters of a dotted capital I, and looks at the neighbours of a sigma.
    """
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


@lru_cache(maxsize=64)
def ranks(enum: type[StrEnum]) -> Mapping[Any, int]:
    """The rank of each member by its place in the enum; keys are equal to the members' texts."""
    return {member.value: place for place, member in enumerate(enum)}


def compile_predicate(checked: Checked) -> Predicate:
    """A closure over the subject that the tree was checked against."""
    if isinstance(checked, Every):
        parts = [compile_predicate(part) for part in checked.parts]
        return lambda subject: all(part(subject) for part in parts)
    if isinstance(checked, Some):
        parts = [compile_predicate(part) for part in checked.parts]
        return lambda subject: any(part(subject) for part in parts)
    if isinstance(checked, Inverse):
        inner = compile_predicate(checked.part)
        return lambda subject: not inner(subject)
    return _compile_test(checked)


def _compile_test(test: Leaf) -> Predicate:
    read, matches = test.field.read, _matcher(test.field, test.op, test.operand)
    return lambda subject: matches(read(subject))


def _matcher(field: FieldSpec, op: ConditionOperator, operand: Any) -> Callable[[Any], bool]:
    if field.kind is FieldType.TEXT_LIST:
        return _list_matcher(op, operand)
    if op is ConditionOperator.IS_NULL:
        return lambda value: (value is None) is operand
    if op is ConditionOperator.EQ:
        return lambda value: value is not None and bool(value == operand)
    if op is ConditionOperator.NE:
        return lambda value: value is None or bool(value != operand)
    if op is ConditionOperator.CONTAINS:
        wanted = fold(operand)
        return lambda value: value is not None and wanted in fold(value)
    if op in {ConditionOperator.IN, ConditionOperator.NIN}:
        members, expected = frozenset(operand), op is ConditionOperator.IN
        return lambda value: (value is not None and value in members) is expected
    compare = ORDERINGS[op]
    if field.enum is not None:
        rank = ranks(field.enum)
        return lambda value: value is not None and compare(rank[value], rank[operand])
    return lambda value: value is not None and compare(value, operand)


def _list_matcher(op: ConditionOperator, operand: Any) -> Callable[[Any], bool]:
    """Elements match exactly, as an index over them does; null counts as empty."""
    if op is ConditionOperator.IS_NULL:
        return lambda value: (not value) is operand
    if op is ConditionOperator.CONTAINS:
        return lambda value: bool(value) and operand in value
    members, expected = frozenset(operand), op is ConditionOperator.IN
    return lambda value: (not members.isdisjoint(value or ())) is expected
