"""Facts about webhooks; for administrators' eyes. Never the whole address: there may be a key in it."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class WebhookEvent(DomainEvent):
    subject_type: ClassVar[str] = "webhook"


class WebhookCreated(WebhookEvent):
    type = "webhook.created"


class WebhookUpdated(WebhookEvent):
    type = "webhook.updated"


class WebhookDeleted(WebhookEvent):
    type = "webhook.deleted"


class WebhookSecretRotated(WebhookEvent):
    type = "webhook.secret_rotated"


class WebhookCircuitOpened(WebhookEvent):
    """Its receiver has failed for a while; from now on it is only probed."""

    type = "webhook.circuit_opened"


class WebhookCircuitClosed(WebhookEvent):
    type = "webhook.circuit_closed"


class WebhookDisabled(WebhookEvent):
    """The product has switched it off."""

    type = "webhook.disabled"
