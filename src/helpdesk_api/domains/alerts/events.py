"""The facts of how alerts are taken; kept for audit. What alerts do is told on their tickets."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class AlertIntegrationEvent(DomainEvent):
    subject_type: ClassVar[str] = "alert_integration"


class AlertIntegrationCreated(AlertIntegrationEvent):
    """A place where a monitoring tool may send its alerts was opened."""

    type = "alert_integration.created"


class AlertIntegrationUpdated(AlertIntegrationEvent):
    """What is made of its alerts changed."""

    type = "alert_integration.updated"


class AlertRoutingKeyChanged(AlertIntegrationEvent):
    """A new routing key; the key itself is in no event."""

    type = "alert_integration.key_changed"
