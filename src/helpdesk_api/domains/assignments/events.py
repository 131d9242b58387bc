"""The facts of routing and of who is there; all internal to the staff. What happens to a ticket is a ticket's event."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class RoutingRuleEvent(DomainEvent):
    subject_type: ClassVar[str] = "routing_rule"


class RoutingRuleCreated(RoutingRuleEvent):
    """A rule that chooses teams or people for new tickets was made."""

    type = "routing_rule.created"


class RoutingRuleUpdated(RoutingRuleEvent):
    """Its fields, or its place in the order."""

    type = "routing_rule.updated"


class RoutingRuleDeleted(RoutingRuleEvent):
    """It decides nothing any more; what it decided stays."""

    type = "routing_rule.deleted"


class AgentAvailabilityChanged(DomainEvent):
    """Somebody of the staff went away, came back, or takes more or fewer tickets."""

    type = "agent.availability_changed"
    subject_type: ClassVar[str] = "user"
