"""The facts of how alerts are taken; kept for audit. What alerts do is told on their tickets."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class AlertIntegrationEvent(DomainEvent):
    subject_type: ClassVar[str] = "alert_integration"


class AlertIntegrationCreated(AlertIntegrationEvent):
    type = "alert_integration.created"


class AlertIntegrationUpdated(AlertIntegrationEvent):
    type = "alert_integration.updated"


class AlertRoutingKeyChanged(AlertIntegrationEvent):
    """The key itself is in no event."""

    type = "alert_integration.key_changed"
