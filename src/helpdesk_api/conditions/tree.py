"""The tree as callers send it: `all`, `any`, `not` over comparisons, bounded before it is read.

Which fields and values make sense is the subject's business (see `checking`).
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypeAliasType

from helpdesk_api.web.schemas import NO_NUL, RequestModel

MAX_DEPTH: Final = 8
MAX_LEAVES: Final = 100
MAX_ITEMS: Final = 100
# Beyond 2^53 a JSON number is not the same in every reader.
MAX_NUMBER: Final = 9_007_199_254_740_991


class ConditionOperator(StrEnum):
    """How a field is compared. Null is unlike every value: only `ne`, `nin` and `is_null` are true of it.

    `matches` is full text: words, "phrases", `or`, and `-` before what must not be there.
    """

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NIN = "nin"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    MATCHES = "matches"
    IS_NULL = "is_null"


TextValue = Annotated[str, StringConstraints(strict=True, max_length=500, pattern=NO_NUL)]
IntegerValue = Annotated[StrictInt, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
NumberValue = Annotated[StrictFloat, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Scalar = StrictBool | IntegerValue | NumberValue | TextValue
_FIELD_NAME: Final = r"^([a-z][a-z0-9_]*|cf_[a-z0-9_]+\.(id|label))$"
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_FIELD_NAME)]


class ConditionComparison(RequestModel):
    """One field against one value, or a list of them for `in` and `nin`, or a boolean for `is_null`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"field": "subject", "op": "contains", "value": "vpn"}]},
    )

    field: FieldName
    op: ConditionOperator
    value: Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MAX_ITEMS)]


class ConditionAll(RequestModel):
    """True when every part is; an empty list is always true."""

    all: Annotated[list["Condition"], Field(max_length=MAX_ITEMS)]


class ConditionAny(RequestModel):
    """True when at least one part is."""

    any: Annotated[list["Condition"], Field(min_length=1, max_length=MAX_ITEMS)]


class ConditionNot(RequestModel):
    """True when its part is not."""

    not_: "Condition" = Field(alias="not")


# Tags are no part of the JSON; in angle brackets they can be told from its keys in an error's location.
_TAGS: Final[dict[str, str]] = {
    "all": "<all>",
    "any": "<any>",
    "not": "<not>",
    "field": "<comparison>",
    "op": "<comparison>",
}
_BY_TYPE: Final[dict[type[RequestModel], str]] = {
    ConditionAll: "<all>",
    ConditionAny: "<any>",
    ConditionNot: "<not>",
    ConditionComparison: "<comparison>",
}


def _tag_of(node: Any) -> str | None:
    if isinstance(node, dict):
        return next((_TAGS[key] for key in _TAGS if key in node), None)
    return next((tag for kind, tag in _BY_TYPE.items() if isinstance(node, kind)), None)


Condition = TypeAliasType(
    "Condition",
    Annotated[
        Annotated[ConditionAll, Tag("<all>")]
        | Annotated[ConditionAny, Tag("<any>")]
        | Annotated[ConditionNot, Tag("<not>")]
        | Annotated[ConditionComparison, Tag("<comparison>")],
        Discriminator(
            _tag_of,
            custom_error_type="condition_node_expected",
            custom_error_message="expected an object with `all`, `any`, `not`, or `field`, `op` and `value`",
        ),
    ],
)
Node = ConditionAll | ConditionAny | ConditionNot | ConditionComparison


def _nested(node: Any) -> Iterator[Any]:
    """The parts right below a node that was not validated yet."""
    if isinstance(node, ConditionAll):
        yield from node.all
    elif isinstance(node, ConditionAny):
        yield from node.any
    elif isinstance(node, ConditionNot):
        yield node.not_
    elif isinstance(node, dict):
        for key in ("all", "any"):
            if isinstance(node.get(key), list):
                yield from node[key]
        if "not" in node:
            yield node["not"]


def check_bounds(root: Any) -> None:
    """Raises `condition_too_deep` or `condition_too_large`; walks level by level, so depth cannot exhaust a stack."""
    level, depth, nodes = [root], 0, 0
    while level:
        depth += 1
        nodes += len(level)
        if depth > MAX_DEPTH:
            code = "condition_too_deep"
            raise PydanticCustomError(code, "conditions are nested at most {limit} deep", {"limit": MAX_DEPTH})
        following = [part for node in level for part in _nested(node)]
        if nodes + len(following) > MAX_LEAVES * 2:
            code = "condition_too_large"
            raise PydanticCustomError(code, "a condition tree has at most {limit} parts", {"limit": MAX_LEAVES * 2})
        level = following


def leaves(node: Node) -> Iterator[ConditionComparison]:
    """The comparisons of a bounded tree, in order."""
    if isinstance(node, ConditionComparison):
        yield node
        return
    for part in _nested(node):
        yield from leaves(part)


def _read(value: Any, handler: ValidatorFunctionWrapHandler) -> Node:
    check_bounds(value)
    try:
        node: Node = handler(value)
    except ValidationError as error:
        raise _without_tags(error) from None
    if sum(1 for _ in leaves(node)) > MAX_LEAVES:
        code = "condition_too_large"
        raise PydanticCustomError(code, "a condition tree has at most {limit} comparisons", {"limit": MAX_LEAVES})
    return node


def _without_tags(error: ValidationError) -> ValidationError:
    """The same errors, located as the caller wrote them; a value that fits no type is one error, not one per type."""
    found: dict[tuple[Any, ...], InitErrorDetails] = {}
    for line in error.errors(include_url=False):
        location = tuple(part for part in line["loc"] if not (isinstance(part, str) and part.startswith("<")))
        if "value" in location:
            location = location[: location.index("value") + 1]
        kind: Any = PydanticCustomError(line["type"], line["msg"].replace("{", "(").replace("}", ")"))
        if "value" in location and line["type"] != "missing":
            kind = PydanticCustomError(
                "condition_value_invalid",
                "expected text of at most 500 characters, a number, a boolean, or a list of 1 to 100 of them",
            )
        found.setdefault(location, InitErrorDetails(type=kind, loc=location, input=line["input"]))
    return ValidationError.from_exception_data(error.title, list(found.values()))


ConditionTree = Annotated[Condition, WrapValidator(_read)]


def read_tree(stored: Any) -> Node:
    """Of what `as_json` wrote. Raises pydantic's ValidationError when it is no condition any more."""
    tree: Node = _adapter().validate_python(stored)
    return tree


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(ConditionTree)


def as_json(node: Node) -> dict[str, Any]:
    """The tree as stored and as shown."""
    return node.model_dump(mode="json", by_alias=True)


for _model in (ConditionAll, ConditionAny, ConditionNot):
    _model.model_rebuild()
