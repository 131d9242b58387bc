"""Fields as JSON Schema 2020-12, and what is filled in against it: pure, and the same for client and server."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import jsonschema_rs

from helpdesk_api.domains.forms.enums import FieldKind, FormAudience
from helpdesk_api.web.errors import FieldError

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_TEXT: Final = {FieldKind.TEXT.value: 500, FieldKind.LONG_TEXT.value: 10_000}
MAX_FILES: Final = 10
_NUMBER: Final = 9_007_199_254_740_991
# An id as inventories write them (`LT-04711`, `svc:mail/eu-1`), and what a person would call it.
_ASSET: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}( [^\x00-\x20][^\x00-\x1f]{0,198})?$"
MAX_ASSET: Final = 300
_NO_NUL: Final = r"^[^\x00]*$"

Field = Mapping[str, Any]


def is_for(field: Field, *, is_staff: bool) -> bool:
    """Whether this caller fills it in."""
    staff = FormAudience.STAFF.value
    return is_staff or staff not in {field["visible_to"], field["editable_by"]}


def is_internal(field: Field) -> bool:
    return bool(field["visible_to"] == FormAudience.STAFF.value)


def value_schema(field: Field) -> dict[str, Any]:
    """What one field takes."""
    shown: dict[str, Any] = {"title": field["label"]}
    if field["help_text"] is not None:
        shown["description"] = field["help_text"]
    if field["default"] is not None:
        shown["default"] = field["default"]
    return shown | _TAKES[FieldKind(field["kind"])](field)


def _text(field: Field) -> dict[str, Any]:
    longest = field["max_length"] or MAX_TEXT[field["kind"]]
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": _NO_NUL}


def _number(field: Field) -> dict[str, Any]:
    lowest = -_NUMBER if field["minimum"] is None else field["minimum"]
    highest = _NUMBER if field["maximum"] is None else field["maximum"]
    return {"type": "number", "minimum": lowest, "maximum": highest}


def _choice(field: Field) -> dict[str, Any]:
    values = [choice["value"] for choice in field["choices"]]
    shown = [{"const": choice["value"], "title": choice["label"]} for choice in field["choices"]]
    return {"type": "string", "enum": values, "oneOf": shown}


def _choices(field: Field) -> dict[str, Any]:
    return {"type": "array", "items": _choice(field), "minItems": 1, "uniqueItems": True}


def _files(_: Field) -> dict[str, Any]:
    item = {"type": "string", "pattern": "^att_[0-9a-f]{32}$"}
    return {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_FILES, "uniqueItems": True}


_TAKES: Final[Mapping[FieldKind, Callable[[Field], dict[str, Any]]]] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.CHOICE: _choice,
    FieldKind.MULTI_CHOICE: _choices,
    FieldKind.DATE: lambda _: {"type": "string", "format": "date"},
    FieldKind.USER: lambda _: {"type": "string", "pattern": "^usr_[0-9a-f]{32}$"},
    FieldKind.YES_NO: lambda _: {"type": "boolean"},
    FieldKind.FILE: _files,
    FieldKind.ASSET: lambda _: {"type": "string", "minLength": 1, "maxLength": MAX_ASSET, "pattern": _ASSET},
}


def schema_of(title: str, fields: Iterable[Field], *, is_staff: bool) -> dict[str, Any]:
    """What this caller may send as `custom_fields`; a field whose condition does not hold must be left out."""
    given = {field["key"]: field for field in fields if is_for(field, is_staff=is_staff)}
    conditional = [field for field in given.values() if field["visible_if"] is not None]
    shown: dict[str, Any] = {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "properties": {key: value_schema(field) for key, field in given.items()},
        "required": [key for key, field in given.items() if _must_be_sent(field) and field["visible_if"] is None],
        "additionalProperties": False,
        # JSON Schema takes no empty list here; the empty schema asks for nothing.
        "allOf": [_condition(field, given) for field in conditional] or [{}],
    }
    return shown


def _must_be_sent(field: Field) -> bool:
    """What has a default is filled in, and so is never missing."""
    return field["is_required"] and field["default"] is None


def _condition(field: Field, fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        "if": _schema_of_applying(field, fields),
        "then": {"required": [field["key"]] if _must_be_sent(field) else []},
        "else": {"properties": {field["key"]: False}},
    }


def _schema_of_applying(field: Field, fields: Mapping[str, Field]) -> dict[str, Any]:
    """What is sent when the condition holds; a field that is left out has its default, where it applies itself."""
    other, values = fields[field["visible_if"]["field"]], field["visible_if"]["values"]
    key = other["key"]
    fits: dict[str, Any] = {"enum": values}
    # Of files, too: forms of older releases have such conditions.
    if other["kind"] in {FieldKind.MULTI_CHOICE.value, FieldKind.FILE.value}:
        fits = {"contains": fits}
    sent = {"properties": {key: fits}, "required": [key]}
    if not _fits(other["default"], values):
        return sent
    if other["visible_if"] is None:
        return {"properties": {key: fits}}
    return {"anyOf": [sent, {"not": {"required": [key]}, **_schema_of_applying(other, fields)}]}


def _fits(value: Any, values: Sequence[Any]) -> bool:
    return any(one in values for one in value) if isinstance(value, list) else value in values


def _applies(field: Field, values: Mapping[str, Any]) -> bool:
    condition = field["visible_if"]
    return condition is None or _fits(values.get(condition["field"]), condition["values"])


class FormFields:
    """One version of a form, ready to check what is filled in."""

    def __init__(self, name: str, number: int, fields: Sequence[Field]) -> None:
        self.name = name
        self.number = number
        self.fields = fields
        self.internal = frozenset(field["key"] for field in fields if is_internal(field))

    @cached_property
    def _validators(self) -> dict[bool, Any]:
        return {
            is_staff: jsonschema_rs.validator_for(
                schema_of(self.name, self.fields, is_staff=is_staff), validate_formats=True
            )
            for is_staff in (True, False)
        }

    def keys_for(self, *, is_staff: bool) -> frozenset[str]:
        return frozenset(field["key"] for field in self.fields if is_for(field, is_staff=is_staff))

    def with_defaults(
        self,
        values: Mapping[str, Any],
        sent: Collection[str],
        *,
        held: Collection[str] = (),
        without: Collection[str] = (),
    ) -> dict[str, Any]:
        """Of fields that apply and were left out, but for those `without`; a default may be what makes a later field
        apply.

        A default that nobody has sent goes again with the condition that it came with, and so does whatever was held
        before: who ends the condition need not see what hangs on it.
        """
        filled = dict(values)
        for field in self.fields:
            key, default = field["key"], field["default"]
            if _applies(field, filled):
                if default is not None and key not in without:
                    filled.setdefault(key, default)
            elif key in filled and key not in sent and (key in held or filled[key] == default):
                del filled[key]
        return filled

    @property
    def default_people(self) -> list[tuple[str, str]]:
        """Whom defaults name: key and public id."""
        return self.people({field["key"]: field["default"] for field in self.fields if field["default"] is not None})

    def errors(self, values: Mapping[str, Any], *, is_staff: bool) -> list[FieldError]:
        """What does not fit, each where it stands."""
        failures = self._validators[is_staff].iter_errors(dict(values))
        # The labels of a choice repeat its values: what is none of these was said already.
        return [error for failure in failures if failure.kind.name != "oneOf" for error in _errors(failure)]

    def people(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Whom the fields for people name: key and public id."""
        kinds = {field["key"] for field in self.fields if field["kind"] == FieldKind.USER.value}
        return [(key, value) for key, value in values.items() if key in kinds]

    @property
    def files(self) -> frozenset[str]:
        """Keys of the fields that take uploads."""
        return frozenset(field["key"] for field in self.fields if field["kind"] == FieldKind.FILE.value)


def _errors(failure: Any) -> list[FieldError]:
    """One for each field that is missing, or too many; each points at the field itself."""
    keys: Sequence[str] = ()
    if failure.kind.name == "required":
        keys = [failure.kind.property]
    elif failure.kind.name == "additionalProperties":
        keys = failure.kind.unexpected
    places = [[*failure.instance_path, key] for key in keys] or [failure.instance_path]
    return [_error(failure, place) for place in places]


def _error(failure: Any, place: Sequence[Any]) -> FieldError:
    path = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
    keyword = re.sub(r"(?=[A-Z])", "_", str(failure.kind.name)).lower()
    return FieldError(keyword, str(failure.message)[:500], pointer=f"#/custom_fields{path}")


def check_fields(fields: Sequence[Field]) -> list[FieldError]:
    """Contradictions of a form to be published."""
    errors: list[FieldError] = []
    before: dict[str, Field] = {}
    for place, field in enumerate(fields):
        for code, detail, where in _contradictions(field, before):
            errors.append(FieldError(code, detail, pointer=f"#/fields/{place}/{where}"))
        before[field["key"]] = field
    return errors


def _wants_choices(field: Field) -> bool:
    return FieldKind(field["kind"]) in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE}


def _contradictions(field: Field, before: Mapping[str, Field]) -> Iterable[tuple[str, str, str]]:
    kind = FieldKind(field["kind"])
    choices = [choice["value"] for choice in field["choices"] or ()]
    has_choices = _wants_choices(field)
    if field["key"] in before:
        yield "key_repeated", "another field has this key", "key"
    if has_choices and not choices:
        yield "choices_required", "a choice needs something to choose from", "choices"
        return
    if choices and not has_choices:
        yield "choices_not_taken", f"a field of the kind `{kind}` has no choices", "choices"
    if len(set(choices)) != len(choices):
        yield "choice_repeated", "each choice has its own value", "choices"
    yield from _wrong_bounds(field, kind)
    yield from _wrong_condition(field, before)
    if field["default"] is not None and kind is FieldKind.FILE:
        yield "default_not_taken", "a file belongs to one ticket, and so is no default", "default"
    elif field["default"] is not None and not jsonschema_rs.is_valid(
        value_schema(field), field["default"], validate_formats=True
    ):
        yield "default_does_not_fit", "the default is nothing that the field takes", "default"


def _wrong_bounds(field: Field, kind: FieldKind) -> Iterable[tuple[str, str, str]]:
    for name in ("minimum", "maximum"):
        if field[name] is not None and kind is not FieldKind.NUMBER:
            yield "bounds_not_taken", f"a field of the kind `{kind}` has no {name}", name
    if field["max_length"] is not None and kind.value not in MAX_TEXT:
        yield "bounds_not_taken", f"a field of the kind `{kind}` has no length", "max_length"
    if field["minimum"] is not None and field["maximum"] is not None and field["minimum"] > field["maximum"]:
        yield "bounds_crossed", "the minimum lies above the maximum", "minimum"


def _wrong_condition(field: Field, before: Mapping[str, Field]) -> Iterable[tuple[str, str, str]]:
    """A field before it, that takes these values, and that nobody is asked without."""
    if field["visible_if"] is None:
        return
    other = before.get(field["visible_if"]["field"])
    if other is None:
        yield "unknown_condition", "a condition asks about a field before it", "visible_if/field"
        return
    if other["kind"] == FieldKind.FILE.value:
        yield (
            "condition_not_taken",
            "a file belongs to one ticket, and so nothing depends on which it is",
            "visible_if/field",
        )
        return
    for name in ("visible_to", "editable_by"):
        if other[name] == FormAudience.STAFF.value != field[name]:
            yield (
                "condition_hidden",
                "not all who fill this in fill in the field that it depends on",
                "visible_if/field",
            )
            return
    if _wants_choices(other) and not other["choices"]:
        # That was said of the other one; until it is put right, nobody knows what it takes.
        return
    takes = value_schema(other)
    takes = takes.get("items", takes)
    for value in field["visible_if"]["values"]:
        if not jsonschema_rs.is_valid(takes, value, validate_formats=True):
            yield "unknown_condition", "the other field never has this value", "visible_if/values"
            return
