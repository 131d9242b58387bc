"""A checked tree as a WHERE clause; `predicate` gives the same answer in Python.

The clause is true, false or null, and null counts as false, as WHERE does. A negation turns null into true, so only
there is three-valued logic cut short; everywhere else the plain comparison stays, which an index can answer.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Text,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from helpdesk_api.conditions.checking import Checked, Every, Inverse, Leaf, Some
from helpdesk_api.conditions.predicate import ORDERINGS, fold, ranks
from helpdesk_api.conditions.registry import CUSTOM_KINDS, CUSTOM_PREFIX, FieldType
from helpdesk_api.conditions.tree import ConditionOperator

FullText = Callable[[Any], ColumnElement[bool]]


def compile_where(checked: Checked, full_text: FullText | None = None) -> ColumnElement[bool]:
    """For a WHERE or an ON; elsewhere wrap it in `IS TRUE`. `full_text` answers `matches`, which looks further than
    at one column."""
    if isinstance(checked, Every):
        return and_(true(), *[compile_where(part, full_text) for part in checked.parts])
    if isinstance(checked, Some):
        return or_(false(), *[compile_where(part, full_text) for part in checked.parts])
    if isinstance(checked, Inverse):
        return compile_where(checked.part, full_text).is_not(true())
    if checked.op is ConditionOperator.MATCHES:
        if full_text is None:
            message = "this subject has no full text"
            raise ValueError(message)
        return full_text(checked.operand)
    return _test(checked)


def _test(test: Leaf) -> ColumnElement[bool]:
    column = test.field.column()
    if test.field.kind is FieldType.TEXT_LIST:
        return _list_test(column, test.op, test.operand)
    if test.field.kind in CUSTOM_KINDS:
        return _custom_test(test, column)
    if test.op is ConditionOperator.IS_NULL:
        return column.is_(None) if test.operand else column.is_not(None)  # type: ignore[no-any-return]
    if test.op is ConditionOperator.CONTAINS:
        return func.lower(column).contains(fold(test.operand), autoescape=True)
    if test.op in {ConditionOperator.IN, ConditionOperator.NIN}:
        return _member_test(test, column)
    if test.op is ConditionOperator.EQ:
        return column == _bound(test, column, test.operand)  # type: ignore[no-any-return]
    if test.op is ConditionOperator.NE:
        return column.is_distinct_from(_bound(test, column, test.operand))  # type: ignore[no-any-return]
    return _order_test(test, column)


def _custom_test(test: Leaf, column: Any) -> ColumnElement[bool]:
    """Of the object, or of the guarded one in the rows in which it counts."""
    holds = _custom_holds(test, column)
    if test.field.guarded is not None:
        guarded, guard = test.field.guarded()
        holds = or_(holds, and_(_custom_holds(test, guarded), guard))
    if test.op is ConditionOperator.IS_NULL:
        return holds.is_not(true()) if test.operand else holds
    return holds.is_not(true()) if test.op in {ConditionOperator.NE, ConditionOperator.NIN} else holds


def _custom_holds(test: Leaf, column: Any) -> ColumnElement[bool]:
    """Whether there is a value, that compares so, or is one of those. By containment, which one index answers for
    every key; a list is asked for one of its members."""
    key = test.field.name.removeprefix(CUSTOM_PREFIX).partition(".")[0]
    # The index leaves out the many rows that nobody filled anything into, and the planner wants to be told.
    is_filled = column != literal_column("'{}'::jsonb")
    if test.field.kind is FieldType.CUSTOM_LABEL:
        return and_(is_filled, _label_holds(test, column[key].astext))
    if test.op is ConditionOperator.IS_NULL:
        return column.has_key(key)  # type: ignore[no-any-return]
    if test.op is ConditionOperator.CONTAINS:
        return and_(is_filled, _contains(test, column, key))
    if test.op in ORDERINGS:
        compare: Any = ORDERINGS[test.op]
        value, wanted = column[key], literal(test.operand, JSONB)
        return and_(is_filled, func.jsonb_typeof(value) == func.jsonb_typeof(wanted), compare(value, wanted))
    operands = test.operand if isinstance(test.operand, tuple) else (test.operand,)
    if test.field.kind is FieldType.CUSTOM_ID:
        ids = [f"{key} {_ascii_lower(one)}" for one in operands]
        return and_(is_filled, func.helpdesk_first_words(column).bool_op("&&")(literal(ids, ARRAY(Text))))
    shapes = [shape for value in operands for shape in ({key: value}, {key: [value]})]
    return and_(is_filled, or_(*[column.contains(literal(shape, JSONB)) for shape in shapes]))


def _label_holds(test: Leaf, value: Any) -> ColumnElement[bool]:
    space: Any = func.strpos(value, " ")
    if test.op is ConditionOperator.IS_NULL:
        return space > 0  # type: ignore[no-any-return]
    label = func.lower(func.substr(value, space + 1))
    return and_(space > 0, label.contains(fold(test.operand), autoescape=True))


def _contains(test: Leaf, column: Any, key: str) -> ColumnElement[bool]:
    """A part of a text, or one of a list's members as a whole."""
    value = column[key]
    is_text = func.jsonb_typeof(value) == literal_column("'string'")
    within = func.lower(value.astext).contains(fold(test.operand), autoescape=True)
    return or_(and_(is_text, within), column.contains(literal({key: [test.operand]}, JSONB)))


def _ascii_lower(text: str) -> str:
    """As the index has it, whose collation must never change."""
    return text.encode().lower().decode()


def _order_test(test: Leaf, column: Any) -> ColumnElement[bool]:
    compare: Any = ORDERINGS[test.op]
    if test.field.enum is not None:
        rank = ranks(test.field.enum)
        ranked = case(*[(column == member, place) for member, place in rank.items()], else_=None)
        return compare(ranked, rank[test.operand])  # type: ignore[no-any-return]
    return compare(column, _bound(test, column, test.operand))  # type: ignore[no-any-return]


def _member_test(test: Leaf, column: Any) -> ColumnElement[bool]:
    """`= ANY(array)` keeps one statement shape whatever the length; numbers of two kinds need one type."""
    if test.field.kind is FieldType.NUMBER:
        fits = or_(false(), *[column == _bound(test, column, item) for item in test.operand])
    elif test.field.kind is FieldType.ENUM:
        fits = cast(column, Text) == any_(literal([item.value for item in test.operand], ARRAY(Text)))
    else:
        fits = column == any_(literal(list(test.operand), ARRAY(column.type)))
    return fits if test.op is ConditionOperator.IN else fits.is_not(true())


def _bound(test: Leaf, column: Any, operand: Any) -> Any:
    if test.field.kind is FieldType.NUMBER:
        return literal(operand, BigInteger if isinstance(operand, int) else Double)
    return literal(operand, column.type)


def _list_test(column: Any, op: ConditionOperator, operand: Any) -> ColumnElement[bool]:
    if op is ConditionOperator.IS_NULL:
        is_empty = func.coalesce(func.cardinality(column), 0) == 0
        return is_empty if operand else ~is_empty
    if op is ConditionOperator.CONTAINS:
        return column.bool_op("@>")(literal([operand], ARRAY(Text)))  # type: ignore[no-any-return]
    overlaps: ColumnElement[bool] = column.bool_op("&&")(literal(list(operand), ARRAY(Text)))
    return overlaps if op is ConditionOperator.IN else overlaps.is_not(true())
