"""From a tree as sent to a tree that can be compiled: known fields, fitting operators, values of the right type."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from helpdesk_api.conditions.registry import CUSTOM_OPERATORS, CustomKind, FieldSpec, FieldType, Subject
from helpdesk_api.conditions.tree import (
    ConditionAll,
    ConditionAny,
    ConditionComparison,
    ConditionNot,
    ConditionOperator,
    Node,
)
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.web.errors import FieldError, Unprocessable

_instant: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_RELATIVE: Final = re.compile(r"([+-][0-9]{1,4})([mhdw])", re.ASCII)
_USER: Final = re.compile(r"usr_[0-9a-f]{32}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_EXPECTED: Final = {
    CustomKind.TEXT: ("text_expected", "text"),
    CustomKind.TEXTS: ("text_expected", "text"),
    CustomKind.ASSET: ("text_expected", "text"),
    CustomKind.NUMBER: ("number_expected", "a number"),
    CustomKind.BOOLEAN: ("boolean_expected", "true or false"),
    CustomKind.DAY: ("date_expected", "a day such as 2026-03-29"),
    CustomKind.USER: ("invalid_id", "an id like usr_ and 32 hex digits, or `me`"),
}
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class InvalidConditions(Unprocessable):
    """A well-formed tree that this subject's fields do not answer; a schema cannot say which those are."""

    code = "invalid_conditions"
    title = "The conditions do not fit what they are about"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison whose operand has the field's own type; a tuple of them for `in` and `nin`."""

    field: FieldSpec
    op: ConditionOperator
    operand: Any


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple["Checked", ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple["Checked", ...]


@dataclass(frozen=True, slots=True)
class Inverse:
    part: "Checked"


Checked = Leaf | Every | Some | Inverse


class _ValueError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and when: what `me` and `-7d` mean in a question; a stored rule has neither."""

    user_id: UUID
    now: datetime


def check(node: Node, subject: Subject, pointer: str = "#/conditions", *, asker: Asker | None = None) -> Checked:
    """Raises `invalid_conditions` with one error per wrong place, such as `#/conditions/all/2/value`."""
    errors: list[FieldError] = []
    checked = _check(node, _About(subject, asker), pointer, errors)
    if errors:
        message = f"{len(errors)} part(s) of the conditions do not fit; see `errors`."
        raise InvalidConditions(message, errors=errors)
    return checked


@dataclass(frozen=True, slots=True)
class _About:
    subject: Subject
    asker: Asker | None


def _check(node: Node, about: _About, pointer: str, errors: list[FieldError]) -> Checked:
    if isinstance(node, ConditionAll):
        return Every(tuple(_check(part, about, f"{pointer}/all/{n}", errors) for n, part in enumerate(node.all)))
    if isinstance(node, ConditionAny):
        return Some(tuple(_check(part, about, f"{pointer}/any/{n}", errors) for n, part in enumerate(node.any)))
    if isinstance(node, ConditionNot):
        return Inverse(_check(node.not_, about, f"{pointer}/not", errors))
    return _check_comparison(node, about, pointer, errors)


def _check_comparison(node: ConditionComparison, about: _About, pointer: str, errors: list[FieldError]) -> Checked:
    nothing, subject = Every(()), about.subject
    field = subject.find(node.field)
    if field is None:
        known = ", ".join(sorted(subject.fields))
        detail = f"a {subject.name} has no field `{node.field}`; known are {known}"
        errors.append(FieldError("unknown_field", detail, pointer=f"{pointer}/field"))
        return nothing
    if node.op not in field.operators():
        fitting = ", ".join(op.value for op in ConditionOperator if op in field.operators())
        detail = f"`{node.field}` is compared with {fitting}"
        errors.append(FieldError("operator_not_applicable", detail, pointer=f"{pointer}/op"))
        return nothing
    try:
        return Leaf(field, node.op, _operand(field, node.op, node.value, about.asker))
    except _ValueError as error:
        errors.append(FieldError(error.code, error.detail, pointer=f"{pointer}/value"))
        return nothing


def _operand(field: FieldSpec, op: ConditionOperator, value: Any, asker: Asker | None) -> Any:
    if op is ConditionOperator.IS_NULL:
        if not isinstance(value, bool):
            code = "boolean_expected"
            raise _ValueError(code, "`is_null` takes true or false")
        return value
    if op in {ConditionOperator.IN, ConditionOperator.NIN}:
        if not isinstance(value, list):
            code = "list_expected"
            raise _ValueError(code, f"`{op}` takes a list")
        return tuple(dict.fromkeys(_convert(field, op, item, asker) for item in value))
    if isinstance(value, list):
        code = "single_value_expected"
        raise _ValueError(code, f"`{op}` takes one value")
    return _convert(field, op, value, asker)


def _convert(field: FieldSpec, op: ConditionOperator, value: Any, asker: Asker | None) -> Any:
    if field.kind is FieldType.CUSTOM:
        return _custom_value(field, op, value, asker)
    if field.kind is FieldType.BOOLEAN:
        if not isinstance(value, bool):
            code = "boolean_expected"
            raise _ValueError(code, f"`{field.name}` is true or false")
        return value
    if field.kind is FieldType.NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float):
            code = "number_expected"
            raise _ValueError(code, f"`{field.name}` is a number")
        return value
    if not isinstance(value, str):
        code = "text_expected"
        raise _ValueError(code, f"`{field.name}` is compared with text")
    return _of_asker(field, value, asker) or _from_text(field, value)


def _custom_value(field: FieldSpec, op: ConditionOperator, value: Any, asker: Asker | None) -> Any:
    """Something that the field may hold, or that a part of a text may be."""
    if field.prefix == "usr" and value == "me" and asker is not None:
        return public_id("usr", asker.user_id)
    kinds = [kind for kind in CustomKind if kind in field.customs and op in CUSTOM_OPERATORS[kind]]
    if any(_is_of(kind, value, op) for kind in kinds):
        return value
    code, what = _EXPECTED[kinds[0]]
    raise _ValueError(code, f"`{field.name}` is compared with {what}")


def _is_of(kind: CustomKind, value: Any, op: ConditionOperator) -> bool:
    if kind is CustomKind.NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is CustomKind.BOOLEAN:
        return isinstance(value, bool)
    if kind is CustomKind.DAY and op is not ConditionOperator.CONTAINS:
        return isinstance(value, str) and _is_day(value)
    if kind is CustomKind.USER:
        return isinstance(value, str) and _USER.fullmatch(value) is not None
    return isinstance(value, str)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return _DAY.fullmatch(text) is not None


def _of_asker(field: FieldSpec, value: str, asker: Asker | None) -> UUID | datetime | None:
    """What a word means only to somebody and at some time; None when it is not such a word."""
    if asker is None:
        return None
    if field.kind is FieldType.ID and field.prefix == "usr" and value == "me":
        return asker.user_id
    if field.kind is FieldType.INSTANT and (found := _RELATIVE.fullmatch(value)) is not None:
        return asker.now + int(found[1]) * _UNITS[found[2]]
    return None


def _from_text(field: FieldSpec, value: str) -> Any:
    if field.kind is FieldType.ENUM and field.enum is not None:
        try:
            return field.enum(value)
        except ValueError:
            code = "unknown_value"
            known = ", ".join(member.value for member in field.enum)
            raise _ValueError(code, f"`{field.name}` is one of {known}") from None
    if field.kind is FieldType.ID and field.prefix is not None:
        try:
            return parse_id(field.prefix, value)
        except ValueError as error:
            code = "invalid_id"
            raise _ValueError(code, str(error)) from None
    if field.kind is FieldType.INSTANT:
        return _to_instant(value)
    return value


def _to_instant(value: str) -> datetime:
    code = "instant_expected"
    try:
        # A bare number would be read as Unix time, which RFC 3339 is not.
        instant = _instant.validate_python(value) if "T" in value.upper() else None
    except ValidationError:
        instant = None
    if instant is None or not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise _ValueError(code, "expected an instant with its zone, such as 2026-03-29T08:00:00Z")
    return instant
