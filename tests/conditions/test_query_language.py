"""What people type: every form, and the column of every mistake."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk_api.conditions.checking import Asker, Checked, Every, Inverse, Leaf
from helpdesk_api.conditions.query_language import InvalidQuery, parse_query
from helpdesk_api.domains.tickets.search import VOCABULARY

NOW = datetime(2026, 3, 29, 9, 30, tzinfo=UTC)
ME = UUID(int=7)
ASKER = Asker(ME, NOW)


def parsed(text: str) -> Checked:
    return parse_query(text, VOCABULARY, ASKER)


def shown(checked: Checked) -> object:
    if isinstance(checked, Leaf):
        return (checked.field.name, checked.op.value, checked.operand)
    if isinstance(checked, Inverse):
        return {"not": shown(checked.part)}
    word = "all" if isinstance(checked, Every) else "any"
    return {word: [shown(part) for part in checked.parts]}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", {"all": []}),
        ("printer", ("text", "matches", "printer")),
        ('"vpn drops"', ("text", "matches", '"vpn drops"')),
        ("assignee:me", ("assignee_id", "eq", ME)),
        ("assignee:none", ("assignee_id", "is_null", True)),
        ("priority:>=high", ("priority", "gte", "high")),
        ("created:>-7d", ("created_at", "gt", NOW - timedelta(days=7))),
        ("due:<+2h", ("sla_due_at", "lt", NOW + timedelta(hours=2))),
        ("-tag:printer", {"not": ("tags", "contains", "printer")}),
        ("NOT tag:printer", {"not": ("tags", "contains", "printer")}),
        ('subject:"vpn drops"', ("subject", "contains", "vpn drops")),
        ("reference:INC-7", ("reference", "eq", "INC-7")),
        ("number:12", ("number", "eq", 12)),
        ("status:open,pending", {"any": [("status", "eq", "open"), ("status", "eq", "pending")]}),
        ("is:unassigned", {"all": [("assignee_id", "is_null", True)]}),
        (
            "created:2026-03-29",
            {
                "all": [
                    ("created_at", "gte", datetime(2026, 3, 29, tzinfo=UTC)),
                    ("created_at", "lt", datetime(2026, 3, 30, tzinfo=UTC)),
                ]
            },
        ),
        (
            "vpn (tag:a OR tag:b) AND -printer",
            {
                "all": [
                    ("text", "matches", "vpn"),
                    {"any": [("tags", "contains", "a"), ("tags", "contains", "b")]},
                    {"not": ("text", "matches", "printer")},
                ]
            },
        ),
        ("ORDER", ("text", "matches", "ORDER")),
        ("12:30", ("text", "matches", "12:30")),
        ("~Prnter", ("text", "matches", "~Prnter")),
    ],
)
def test_what_a_query_means(text: str, meaning: object) -> None:
    assert shown(parsed(text)) == meaning


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("is:open (vpn", "syntax", 13),
        ("vpn )", "syntax", 5),
        ('vpn "drops', "syntax", 5),
        ("vpn OR", "syntax", 7),
        ("vpn ~ab", "word_expected", 5),
        ("vpn -~", "word_expected", 6),
        ("~re-boot", "word_expected", 1),
        ("-", "syntax", 2),
        ("vpn colour:red", "unknown_field", 5),
        ("vpn priority:loud", "unknown_value", 14),
        ("vpn is:loud", "unknown_flag", 5),
        ("vpn assignee:nobody", "unknown_name", 14),
        ("vpn created:>yesterday", "instant_expected", 14),
        ("vpn created:2026-02-30", "date_expected", 13),
        ("vpn subject:>a", "operator_not_applicable", 14),
        ("vpn number:>1,2", "single_value_expected", 13),
        ("vpn number:>", "value_expected", 13),
        ("created:9999-12-31", "instant_expected", 9),
        ("-(" * 40 + "a" + ")" * 40, "query_too_deep", 1),
        ("a OR " * 150 + "a", "query_too_large", 1),
    ],
)
def test_a_mistake_has_its_column(text: str, code: str, column: int) -> None:
    with pytest.raises(InvalidQuery) as found:
        parsed(text)
    (error,) = found.value.errors
    assert (error.code, error.parameter, error.params["column"]) == (code, "query", column)


def test_brackets_by_the_hundred_are_no_depth() -> None:
    assert shown(parsed("(" * 990 + "vpn" + ")" * 990)) == ("text", "matches", "vpn")


@given(st.text(st.sampled_from('abOR NOTAD"()-:,<>= ~\n§é0.7'), max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    column = 1
    try:
        parsed(text)
    except InvalidQuery as error:
        column = error.errors[0].params["column"]
    assert 1 <= column <= len(text) + 1
