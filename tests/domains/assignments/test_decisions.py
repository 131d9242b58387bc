"""What a new ticket gets, and the reason that is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from helpdesk_api.domains.assignments.decisions import Routing, Rule
from helpdesk_api.domains.categories.enums import Impact, Priority, Urgency
from helpdesk_api.domains.categories.rules import DEFAULT_MATRIX
from helpdesk_api.domains.tickets.enums import PrioritySource

TEAM, OTHER_TEAM = UUID(int=1), UUID(int=2)
NETWORK, VPN, OLD = UUID(int=11), UUID(int=12), UUID(int=13)


@dataclass(frozen=True)
class Facts:
    name: str
    parent_id: UUID | None = None
    team_id: UUID | None = None
    default_priority: Priority | None = None
    retired_at: datetime | None = None


CATEGORIES = {
    NETWORK: Facts("Network", team_id=TEAM, default_priority=Priority.HIGH),
    VPN: Facts("VPN", parent_id=NETWORK),
    OLD: Facts("Old", retired_at=datetime(2026, 1, 1, tzinfo=UTC)),
}


def a_ticket(**values: Any) -> SimpleNamespace:
    nothing = dict.fromkeys(
        ("category_id", "team_id", "assignee_id", "priority_reason", "impact", "urgency", "subject")
    )
    return SimpleNamespace(
        **{**nothing, "priority": Priority.LOW, "priority_source": PrioritySource.DEFAULT, "tags": [], **values}
    )


def always(_: Any) -> bool:
    return True


def a_rule(number: int, matches: Callable[[Any], bool] = always, **values: Any) -> Rule:
    return Rule(id=UUID(int=1000 + number), name=f"Rule {number}", matches=matches, **values)


def route(ticket: SimpleNamespace, rules: list[Rule], explicit: tuple[str, ...] = ()) -> dict[str, str]:
    """The decider of each step."""
    decisions = Routing(ticket, explicit, CATEGORIES, DEFAULT_MATRIX).decide(rules)
    assert all(decision.reason.endswith(".") for decision in decisions)
    return {decision.step.value: decision.decided_by.value for decision in decisions}


def test_nothing_known_leaves_the_defaults() -> None:
    ticket = a_ticket()
    assert route(ticket, []) == {"priority": "default", "team": "default"}
    assert (ticket.priority, ticket.team_id) == (Priority.LOW, None)


def test_impact_and_urgency_decide_before_the_category() -> None:
    ticket = a_ticket(category_id=NETWORK, impact=Impact.HIGH, urgency=Urgency.HIGH)
    assert route(ticket, [])["priority"] == "matrix"
    assert (ticket.priority, ticket.priority_source) == (Priority.CRITICAL, PrioritySource.MATRIX)


def test_a_category_inherits_team_and_priority_from_above() -> None:
    ticket = a_ticket(category_id=VPN)
    assert route(ticket, [], ("category",)) == {
        "category": "explicit",
        "priority": "category_default",
        "team": "category_default",
    }
    assert (ticket.team_id, ticket.priority) == (TEAM, Priority.HIGH)


def test_the_first_rule_that_sets_a_field_decides_it_and_tags_add_up() -> None:
    rules = [
        a_rule(1, team_id=OTHER_TEAM, add_tags=("a",)),
        a_rule(2, team_id=TEAM, priority=Priority.CRITICAL, add_tags=("a", "b")),
    ]
    ticket = a_ticket(impact=Impact.LOW, urgency=Urgency.LOW, tags=["own"])
    assert route(ticket, rules) == {"priority": "rule", "team": "rule"}
    assert (ticket.team_id, ticket.priority, ticket.tags) == (OTHER_TEAM, Priority.CRITICAL, ["own", "a", "b"])
    assert ticket.priority_source is PrioritySource.RULE
    assert ticket.priority_reason == "Rule “Rule 2” applies."


def test_a_stopping_rule_is_the_last() -> None:
    ticket = a_ticket()
    route(ticket, [a_rule(1, add_tags=("a",), stops=True), a_rule(2, add_tags=("b",))])
    assert ticket.tags == ["a"]


def test_a_later_rule_sees_what_an_earlier_one_set() -> None:
    rules = [
        a_rule(1, category_id=NETWORK),
        a_rule(2, lambda ticket: ticket.category_id == NETWORK and ticket.priority is Priority.HIGH, add_tags=("n",)),
    ]
    ticket = a_ticket()
    assert route(ticket, rules) == {"category": "rule", "priority": "category_default", "team": "category_default"}
    assert ticket.tags == ["n"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("category", "category_id", NETWORK), ("team", "team_id", OTHER_TEAM), ("priority", "priority", Priority.MEDIUM)],
)
def test_explicit_values_win_over_every_rule(name: str, field: str, value: Any) -> None:
    rule = a_rule(1, category_id=VPN, team_id=TEAM, priority=Priority.CRITICAL)
    ticket = a_ticket(**{field: value}, impact=Impact.HIGH, urgency=Urgency.HIGH)
    assert route(ticket, [rule], (name,))[name] == "explicit"
    assert getattr(ticket, field) == value


def test_a_retired_category_is_not_given() -> None:
    ticket = a_ticket()
    assert "category" not in route(ticket, [a_rule(1, category_id=OLD, add_tags=("x",))])
    assert ticket.category_id is None


def test_an_archived_team_is_passed_over_and_the_reason_says_so() -> None:
    rules, ticket = [a_rule(1, team_id=OTHER_TEAM), a_rule(2, team_id=UUID(int=3))], a_ticket(category_id=VPN)
    decisions = Routing(ticket, (), CATEGORIES, DEFAULT_MATRIX, archived_teams={OTHER_TEAM}).decide(rules)
    assert ticket.team_id == UUID(int=3)
    assert decisions[-1].reason == "Rule “Rule 2” applies. The archived team of rule “Rule 1” was passed over."
    ticket = a_ticket(category_id=VPN)
    decisions = Routing(ticket, (), CATEGORIES, DEFAULT_MATRIX, archived_teams={TEAM, OTHER_TEAM}).decide(rules[:1])
    assert (ticket.team_id, decisions[-1].decided_by) == (None, "default")
    assert decisions[-1].reason == (
        "No rule and no category names a team that takes tickets, so every agent sees it."
        " The archived team of rule “Rule 1” and category “Network” was passed over."
    )


def test_tags_stay_within_what_a_ticket_holds() -> None:
    ticket = a_ticket(tags=[f"t{n}" for n in range(55)])
    route(ticket, [a_rule(1, add_tags=tuple(f"r{n}" for n in range(20)))])
    assert len(ticket.tags) == 60
