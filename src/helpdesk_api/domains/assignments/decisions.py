"""Deciding category, priority and team of a new ticket, and saying why. Pure: the same facts, the same answer.

Explicit values win, then the rules in their order, then the matrix for the priority, then the category's own
defaults (or those of the nearest category above it that has some), then the opinions of the learned model. Its opinion
of type and category holds from the start, so that rules may ask for it and set another category. Archived teams are
passed over, and the reason says so.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.assignments.advice import Opinion
from helpdesk_api.domains.assignments.enums import DecidedBy, DecisionStep
from helpdesk_api.domains.categories.enums import Impact, Priority, TicketType, Urgency
from helpdesk_api.domains.categories.rules import Matrix, priority_for
from helpdesk_api.domains.tickets.enums import PrioritySource

MAX_TAGS: Final = 60
# A reason is a sentence or two, however many rules are out of date.
_TOLD_AT_MOST: Final = 2
Decided = UUID | Priority | TicketType | None
_PREFIXES: Final = {DecisionStep.CATEGORY: "cat", DecisionStep.TEAM: "tea", DecisionStep.ASSIGNEE: "usr"}
_SOURCES: Final = {
    DecidedBy.RULE: PrioritySource.RULE,
    DecidedBy.MATRIX: PrioritySource.MATRIX,
    DecidedBy.CATEGORY_DEFAULT: PrioritySource.CATEGORY,
    DecidedBy.MODEL: PrioritySource.MODEL,
    DecidedBy.DEFAULT: PrioritySource.DEFAULT,
}


class CategoryDefaults(Protocol):
    """What routing reads of a category."""

    @property
    def name(self) -> str: ...
    @property
    def parent_id(self) -> UUID | None: ...
    @property
    def team_id(self) -> UUID | None: ...
    @property
    def default_priority(self) -> Priority | None: ...
    @property
    def retired_at(self) -> Any: ...


class Routed(Protocol):
    """What routing reads and sets of a ticket; conditions may read the rest."""

    type: Any
    category_id: Any
    team_id: Any
    assignee_id: Any
    priority: Any
    priority_source: Any
    priority_reason: Any
    impact: Any
    urgency: Any
    tags: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule, its conditions compiled."""

    id: UUID
    name: str
    matches: Callable[[Any], bool]
    category_id: UUID | None = None
    team_id: UUID | None = None
    priority: Priority | None = None
    add_tags: tuple[str, ...] = ()
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One step: from what to what, by whom or what, and why in one sentence."""

    step: DecisionStep
    before: Decided
    value: Decided
    decided_by: DecidedBy
    reason: str
    rule_id: UUID | None = None
    rule_name: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As kept in the event's internal data; ids are the public ones."""
        return {
            "step": self.step.value,
            "from": self._shown(self.before),
            "value": self._shown(self.value),
            "decided_by": self.decided_by.value,
            "rule_id": public_id("rul", self.rule_id) if self.rule_id is not None else None,
            "rule_name": self.rule_name,
            "reason": self.reason,
        }

    def _shown(self, value: Decided) -> str | None:
        if isinstance(value, UUID):
            return public_id(_PREFIXES[self.step], value)
        return value.value if value is not None else None


@dataclass
class Routing:
    """The state of one routing: sets the fields of `ticket` as it decides."""

    ticket: Routed
    explicit: Collection[str]
    categories: Mapping[UUID, CategoryDefaults]
    matrix: Matrix
    opinions: Mapping[DecisionStep, Opinion] = field(default_factory=dict)
    archived_teams: Collection[UUID] = ()
    decided: dict[DecisionStep, Decision] = field(default_factory=dict)
    matched: list[Rule] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def decide(self, rules: Sequence[Rule]) -> list[Decision]:
        """Type, category, priority and team; each later rule sees what the earlier ones set."""
        self._keep_explicit()
        self._take_opinions()
        self._settle_priority()
        for rule in rules:
            if rule.matches(self.ticket):
                self.matched.append(rule)
                self._apply(rule)
                if rule.stops:
                    break
        self._settle_team()
        return [self.decided[step] for step in DecisionStep if step in self.decided]

    def _keep_explicit(self) -> None:
        reason = "The caller said so."
        for step in DecisionStep:
            # The type is nearly always given, and so no news.
            if step.value in self.explicit and step is not DecisionStep.TYPE:
                value = self.ticket.priority if step is DecisionStep.PRIORITY else getattr(self.ticket, f"{step}_id")
                self.decided[step] = Decision(step, None, value, DecidedBy.EXPLICIT, reason)

    def _take_opinions(self) -> None:
        """Of what must be known before the rules are asked."""
        kind, category = self.opinions.get(DecisionStep.TYPE), self.opinions.get(DecisionStep.CATEGORY)
        if kind is not None and DecisionStep.TYPE.value not in self.explicit:
            # What nobody said and is taken for sure is decided, also where it would have been so anyway.
            before, self.ticket.type = self.ticket.type, kind.value
            self._note(DecisionStep.TYPE, kind.value, DecidedBy.MODEL, kind.reason, before=before)
        if category is not None and DecisionStep.CATEGORY not in self.decided and self._is_in_use(category.value):
            self.ticket.category_id = category.value
            self._note(DecisionStep.CATEGORY, category.value, DecidedBy.MODEL, category.reason)

    def _is_in_use(self, category_id: Any) -> bool:
        category = self.categories.get(category_id)
        return category is not None and category.retired_at is None

    def _apply(self, rule: Rule) -> None:
        if rule.category_id is not None and self._is_in_use(rule.category_id) and self._is_open(DecisionStep.CATEGORY):
            self.ticket.category_id = rule.category_id
            self._note(DecisionStep.CATEGORY, rule.category_id, DecidedBy.RULE, f"Rule “{rule.name}” applies.", rule)
            self._settle_priority()
        if rule.team_id is not None and DecisionStep.TEAM not in self.decided:
            if rule.team_id in self.archived_teams:
                self.passed_over.append(f"rule “{rule.name}”")
            else:
                self.ticket.team_id = rule.team_id
                self._note_team(rule.team_id, DecidedBy.RULE, f"Rule “{rule.name}” applies.", rule)
        if rule.priority is not None and self._is_open(DecisionStep.PRIORITY):
            self._set_priority(rule.priority, DecidedBy.RULE, f"Rule “{rule.name}” applies.", rule)
        added = [tag for tag in rule.add_tags if tag not in self.ticket.tags]
        if added:
            self.ticket.tags = [*self.ticket.tags, *added][:MAX_TAGS]

    def _is_open(self, step: DecisionStep) -> bool:
        """Whether neither the caller nor an earlier rule has decided it."""
        decision = self.decided.get(step)
        return decision is None or decision.decided_by not in {DecidedBy.EXPLICIT, DecidedBy.RULE}

    def _settle_priority(self) -> None:
        """What the priority is as long as no rule says otherwise, so that conditions may ask for it."""
        if not self._is_open(DecisionStep.PRIORITY):
            return
        impact: Impact | None = self.ticket.impact
        urgency: Urgency | None = self.ticket.urgency
        if impact is not None and urgency is not None:
            reason = f"Impact is {impact.value} and urgency {urgency.value}."
            self._set_priority(priority_for(self.matrix, impact, urgency), DecidedBy.MATRIX, reason)
        elif (found := self._inherited("default_priority")) is not None:
            priority, name = found
            self._set_priority(priority, DecidedBy.CATEGORY_DEFAULT, f"Category “{name}” has it as its default.")
        elif (opinion := self.opinions.get(DecisionStep.PRIORITY)) is not None:
            self._set_priority(Priority(str(opinion.value)), DecidedBy.MODEL, opinion.reason)
        else:
            reason = "Neither impact and urgency, nor a rule, nor the category say more."
            self._set_priority(Priority.LOW, DecidedBy.DEFAULT, reason)

    def _set_priority(self, priority: Priority, by: DecidedBy, reason: str, rule: Rule | None = None) -> None:
        self.ticket.priority = priority
        self.ticket.priority_source = _SOURCES[by]
        self.ticket.priority_reason = reason if rule is not None else None
        self._note(DecisionStep.PRIORITY, priority, by, reason, rule)

    def _settle_team(self) -> None:
        if DecisionStep.TEAM in self.decided:
            return
        found = self._inherited("team_id")
        opinion = self.opinions.get(DecisionStep.TEAM)
        if found is None and opinion is not None:
            self.ticket.team_id = opinion.value
            self._note_team(self.ticket.team_id, DecidedBy.MODEL, opinion.reason)
            return
        if found is None:
            named = "names a team that takes tickets" if self.passed_over else "names a team"
            self._note_team(None, DecidedBy.DEFAULT, f"No rule and no category {named}, so every agent sees it.")
            return
        self.ticket.team_id, name = found
        self._note_team(self.ticket.team_id, DecidedBy.CATEGORY_DEFAULT, f"Category “{name}” belongs to this team.")

    def _note_team(self, team_id: UUID | None, by: DecidedBy, reason: str, rule: Rule | None = None) -> None:
        if self.passed_over:
            named = " and ".join(self.passed_over[:_TOLD_AT_MOST])
            reason = f"{reason} The archived team of {named} was passed over."
        self._note(DecisionStep.TEAM, team_id, by, reason, rule)

    def _inherited(self, name: str) -> tuple[Any, str] | None:
        """The value of the category or of the nearest one above it that has one, and that category's name."""
        category = self.categories.get(self.ticket.category_id)
        while category is not None:
            value = getattr(category, name)
            if name == "team_id" and value in self.archived_teams:
                self.passed_over.append(f"category “{category.name}”")
            elif value is not None:
                return value, category.name
            category = self.categories.get(category.parent_id) if category.parent_id is not None else None
        return None

    def _note(
        self,
        step: DecisionStep,
        value: Decided,
        by: DecidedBy,
        reason: str,
        rule: Rule | None = None,
        before: Decided = None,
    ) -> None:
        rule_id, rule_name = (rule.id, rule.name) if rule is not None else (None, None)
        self.decided[step] = Decision(step, before, value, by, reason, rule_id, rule_name)
