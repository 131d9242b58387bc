"""The tree as callers send it: bounds, and errors that point at the offending place."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from helpdesk_api.conditions.checking import InvalidConditions, check
from helpdesk_api.conditions.tree import ConditionTree, as_json
from tests.conditions.things import THING, read

LEAF = {"field": "title", "op": "eq", "value": "x"}


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = LEAF
    for _ in range(depth - 1):
        tree = {"not": tree}
    return tree


def places(tree: Any) -> dict[tuple[Any, ...], str]:
    with pytest.raises(ValidationError) as caught:
        read(tree)
    return {tuple(line["loc"]): line["type"] for line in caught.value.errors()}


def test_a_tree_comes_back_as_it_was_written() -> None:
    tree = {
        "all": [
            {"any": [LEAF, {"field": "amount", "op": "in", "value": [1, 2.5]}]},
            {"not": {"field": "is_open", "op": "is_null", "value": True}},
        ]
    }
    assert as_json(read(tree)) == tree


def test_numbers_keep_their_kind_and_booleans_are_no_numbers() -> None:
    values = [as_json(read({**LEAF, "value": value}))["value"] for value in (1, 1.0, True, "1")]
    assert [type(value) for value in values] == [int, float, bool, str]


def test_errors_name_every_wrong_place_without_our_own_tags() -> None:
    tree = {"all": [LEAF, {"field": "title", "op": "like", "value": {}}, {"not": {"feld": "x"}}, 3]}
    assert places(tree) == {
        ("all", 1, "op"): "enum",
        ("all", 1, "value"): "condition_value_invalid",
        ("all", 2, "not"): "condition_node_expected",
        ("all", 3): "condition_node_expected",
    }


@pytest.mark.parametrize(
    "value", [None, {}, [], [[1]], "x" * 501, "a\x00b", 2**53, -1e300, float("nan"), float("inf"), [1] * 101]
)
def test_values_outside_the_bounds_are_refused(value: Any) -> None:
    assert places({**LEAF, "value": value}) == {("value",): "condition_value_invalid"}


def test_unknown_keys_and_two_kinds_in_one_node_are_refused() -> None:
    assert places({**LEAF, "extra": 1}) == {("extra",): "extra_forbidden"}
    assert places({"all": [LEAF], "any": [LEAF]}) == {("any",): "extra_forbidden"}


def test_depth_is_bounded_before_anything_else_reads_the_tree() -> None:
    read(nested(8))
    assert places(nested(9)) == {(): "condition_too_deep"}
    # Far beyond any stack: the walk is level by level.
    assert places(nested(100_000)) == {(): "condition_too_deep"}


def test_the_number_of_comparisons_is_bounded() -> None:
    read({"all": [{"any": [LEAF] * 50}] * 2})
    assert places({"all": [{"any": [LEAF] * 50}, {"any": [LEAF] * 51}]}) == {(): "condition_too_large"}
    assert places({"all": [{"any": [LEAF] * 100}] * 100}) == {(): "condition_too_large"}


def test_an_empty_all_is_allowed_and_an_empty_any_is_not() -> None:
    read({"all": []})
    assert places({"any": []}) == {("any",): "too_short"}


@pytest.mark.parametrize(
    ("leaf", "code", "part"),
    [
        ({"field": "nothing", "op": "eq", "value": 1}, "unknown_field", "field"),
        ({"field": "title", "op": "gt", "value": "a"}, "operator_not_applicable", "op"),
        ({"field": "is_open", "op": "in", "value": [True]}, "operator_not_applicable", "op"),
        ({"field": "tags", "op": "eq", "value": "a"}, "operator_not_applicable", "op"),
        ({"field": "title", "op": "eq", "value": 1}, "text_expected", "value"),
        ({"field": "title", "op": "in", "value": "a"}, "list_expected", "value"),
        ({"field": "title", "op": "eq", "value": ["a"]}, "single_value_expected", "value"),
        ({"field": "title", "op": "is_null", "value": "yes"}, "boolean_expected", "value"),
        ({"field": "amount", "op": "eq", "value": True}, "number_expected", "value"),
        ({"field": "amount", "op": "eq", "value": "1"}, "number_expected", "value"),
        ({"field": "is_open", "op": "eq", "value": 1}, "boolean_expected", "value"),
        ({"field": "size", "op": "in", "value": ["small", "tiny"]}, "unknown_value", "value"),
        ({"field": "owner_id", "op": "eq", "value": "tea_" + "0" * 32}, "invalid_id", "value"),
        ({"field": "at", "op": "gt", "value": "2026-01-01T00:00:00"}, "instant_expected", "value"),
        ({"field": "at", "op": "gt", "value": "1767225600"}, "instant_expected", "value"),
        ({"field": "at", "op": "gt", "value": "0001-01-01T00:00:00Z"}, "instant_expected", "value"),
    ],
)
def test_what_does_not_fit_the_field_is_pointed_at(leaf: dict[str, Any], code: str, part: str) -> None:
    with pytest.raises(InvalidConditions) as caught:
        check(read({"all": [LEAF, LEAF, {"not": leaf}]}), THING)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(f"#/conditions/all/2/not/{part}", code)]


def test_every_wrong_place_is_named_at_once() -> None:
    wrong = {"field": "title", "op": "gt", "value": "a"}
    with pytest.raises(InvalidConditions) as caught:
        check(read({"any": [wrong, LEAF, wrong]}), THING, "#/filter")
    assert [error.pointer for error in caught.value.errors] == ["#/filter/any/0/op", "#/filter/any/2/op"]


def test_the_schema_is_made_of_named_bounded_parts() -> None:
    definitions = TypeAdapter(ConditionTree).json_schema()["$defs"]
    assert {"Condition", "ConditionAll", "ConditionAny", "ConditionNot", "ConditionComparison"} <= definitions.keys()
    assert definitions["ConditionAll"]["properties"]["all"]["maxItems"] == 100
    assert all(definitions[name]["additionalProperties"] is False for name in ("ConditionAll", "ConditionComparison"))
