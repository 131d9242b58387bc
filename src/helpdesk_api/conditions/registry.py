"""What a subject offers to conditions: named, typed fields, each with its column and its Python value."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from helpdesk_api.conditions.tree import ConditionOperator


class FieldType(StrEnum):
    """What kind of values a field holds, and so which operators it knows."""

    TEXT = "text"
    ENUM = "enum"
    ID = "id"
    INSTANT = "instant"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT_LIST = "text_list"
    FULL_TEXT = "full_text"
    CUSTOM = "custom"
    CUSTOM_ID = "custom_id"
    CUSTOM_LABEL = "custom_label"


class CustomKind(StrEnum):
    """What values a custom field may hold; an asset's has two parts."""

    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAY = "day"
    ASSET = "asset"
    USER = "user"


CUSTOM_PREFIX: Final = "cf_"
# Of what is known elsewhere: its id there, and the words after it.
CUSTOM_PARTS: Final = {"id": FieldType.CUSTOM_ID, "label": FieldType.CUSTOM_LABEL}
CUSTOM_KINDS: Final = frozenset({FieldType.CUSTOM, *CUSTOM_PARTS.values()})
_O = ConditionOperator
_ORDER = frozenset({_O.GT, _O.GTE, _O.LT, _O.LTE})
_EQUAL = frozenset({_O.EQ, _O.NE})
_MEMBER = frozenset({_O.IN, _O.NIN})
_NULL = frozenset({_O.IS_NULL})

# Text has no order here: that would depend on the database's collation.
OPERATORS: Final[Mapping[FieldType, frozenset[ConditionOperator]]] = MappingProxyType(
    {
        FieldType.TEXT: _EQUAL | _MEMBER | _NULL | {_O.CONTAINS},
        FieldType.ENUM: _EQUAL | _MEMBER | _NULL,
        FieldType.ID: _EQUAL | _MEMBER | _NULL,
        FieldType.INSTANT: _EQUAL | _ORDER | _NULL,
        FieldType.NUMBER: _EQUAL | _MEMBER | _ORDER | _NULL,
        FieldType.BOOLEAN: _EQUAL | _NULL,
        FieldType.TEXT_LIST: _MEMBER | _NULL | {_O.CONTAINS},
        FieldType.FULL_TEXT: frozenset({_O.MATCHES}),
        FieldType.CUSTOM_ID: _EQUAL | _MEMBER | _NULL,
        FieldType.CUSTOM_LABEL: _NULL | {_O.CONTAINS},
    }
)
_ANY_CUSTOM = _EQUAL | _MEMBER | _NULL
CUSTOM_OPERATORS: Final[Mapping[CustomKind, frozenset[ConditionOperator]]] = MappingProxyType(
    {
        CustomKind.TEXT: _ANY_CUSTOM | _ORDER | {_O.CONTAINS},
        CustomKind.TEXTS: _ANY_CUSTOM | {_O.CONTAINS},
        CustomKind.NUMBER: _ANY_CUSTOM | _ORDER,
        CustomKind.BOOLEAN: _ANY_CUSTOM,
        CustomKind.DAY: _ANY_CUSTOM | _ORDER | {_O.CONTAINS},
        CustomKind.ASSET: _ANY_CUSTOM | _ORDER | {_O.CONTAINS},
        CustomKind.USER: _ANY_CUSTOM,
    }
)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. `column` gives its SQL expression, `read` its value from the subject itself.

    A CUSTOM one is a key of a JSON object, which `column` gives; `customs` are what it may hold, more than one where
    several forms ask for it, and values of other types are neither more nor less. CUSTOM_ID is the value up to its
    first space, whatever its case; CUSTOM_LABEL is what stands after it. `guarded` gives one more object, and the rows
    in which it counts.
    An ENUM names its `enum`, whose members' order is their rank when `is_ordered`; an ID names its `prefix`, and so
    does a CUSTOM one that holds nothing but ids of people. FULL_TEXT is asked of the database only.
    """

    name: str
    kind: FieldType
    column: Callable[[], Any]
    read: Callable[[Any], Any]
    enum: type[StrEnum] | None = None
    is_ordered: bool = False
    prefix: str | None = None
    guarded: Callable[[], tuple[Any, Any]] | None = None
    customs: frozenset[CustomKind] = frozenset()

    def operators(self) -> frozenset[ConditionOperator]:
        if self.kind is FieldType.CUSTOM:
            return frozenset[ConditionOperator]().union(*(CUSTOM_OPERATORS[kind] for kind in self.customs))
        return OPERATORS[self.kind] | (_ORDER if self.is_ordered else frozenset())


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of record that conditions can be asked about. `custom` knows the fields that somebody has configured."""

    name: str
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)
    custom: Callable[[str], FieldSpec | None] | None = None

    def find(self, name: str) -> FieldSpec | None:
        found = self.fields.get(name)
        if found is not None or self.custom is None:
            return found
        whole, _, part = name.partition(".")
        if part not in CUSTOM_PARTS:
            return self.custom(name)
        custom = self.custom(whole)
        if custom is None or CustomKind.ASSET not in custom.customs:
            return None
        return replace(custom, name=name, kind=CUSTOM_PARTS[part], customs=frozenset())

    @classmethod
    def of(
        cls, name: str, fields: Iterable[FieldSpec], *, custom: Callable[[str], FieldSpec | None] | None = None
    ) -> "Subject":
        return cls(name, MappingProxyType({spec.name: spec for spec in fields}), custom)


def attribute(
    model: Any,
    name: str,
    kind: FieldType,
    *,
    enum: type[StrEnum] | None = None,
    is_ordered: bool = False,
    prefix: str | None = None,
) -> FieldSpec:
    """A field that is a mapped attribute of the same name on both sides."""
    return FieldSpec(
        name=name,
        kind=kind,
        column=lambda: getattr(model, name),
        read=attrgetter(name),
        enum=enum,
        is_ordered=is_ordered,
        prefix=prefix,
    )
