"""A subject with one field of every type, for tests of the two compilers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, Boolean, Column, Double, Integer, MetaData, Table, Text, Uuid

from helpdesk_api.conditions.checking import Checked, check
from helpdesk_api.conditions.registry import FieldSpec, FieldType, Subject
from helpdesk_api.conditions.tree import ConditionTree, Node
from helpdesk_api.database.types import UtcDateTime, text_enum


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"
    HUGE = "huge"


things = Table(
    "condition_things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("title", Text),
    Column("size", text_enum(Size)),
    Column("owner_id", Uuid(as_uuid=True)),
    Column("at", UtcDateTime),
    Column("amount", Integer),
    Column("ratio", Double),
    Column("is_open", Boolean),
    Column("tags", ARRAY(Text)),
    prefixes=["TEMPORARY"],
)


@dataclass
class Thing:
    title: str | None = None
    size: Size | None = None
    owner_id: UUID | None = None
    at: datetime | None = None
    amount: int | None = None
    ratio: float | None = None
    is_open: bool | None = None
    tags: list[str] | None = None


def _field(name: str, kind: FieldType, **options: Any) -> FieldSpec:
    return FieldSpec(
        name=name, kind=kind, column=lambda: things.c[name], read=lambda thing: getattr(thing, name), **options
    )


THING = Subject.of(
    "thing",
    [
        _field("title", FieldType.TEXT),
        _field("size", FieldType.ENUM, enum=Size, is_ordered=True),
        _field("owner_id", FieldType.ID, prefix="usr"),
        _field("at", FieldType.INSTANT),
        _field("amount", FieldType.NUMBER),
        _field("ratio", FieldType.NUMBER),
        _field("is_open", FieldType.BOOLEAN),
        _field("tags", FieldType.TEXT_LIST),
    ],
)
_tree: TypeAdapter[Node] = TypeAdapter(ConditionTree)


def read(tree: Any) -> Node:
    return _tree.validate_python(tree)


def checked(tree: Any) -> Checked:
    return check(read(tree), THING)
