"""Facts about webhooks; for administrators' eyes. Never the whole address: there may be a key in it."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class WebhookEvent(DomainEvent):
    subject_type: ClassVar[str] = "webhook"


class WebhookCreated(WebhookEvent):
    """Events are sent to one more receiver."""

    type = "webhook.created"


class WebhookUpdated(WebhookEvent):
    """What is sent there, or whether, changed."""

    type = "webhook.updated"


class WebhookDeleted(WebhookEvent):
    """Nothing is sent there any more."""

    type = "webhook.deleted"


class WebhookSecretRotated(WebhookEvent):
    """A new secret signs; for a day the old one does, too."""

    type = "webhook.secret_rotated"


class WebhookCircuitOpened(WebhookEvent):
    """Its receiver has failed for a while; from now on it is only probed."""

    type = "webhook.circuit_opened"


class WebhookCircuitClosed(WebhookEvent):
    """Its receiver takes events again."""

    type = "webhook.circuit_closed"


class WebhookDisabled(WebhookEvent):
    """The product has switched it off."""

    type = "webhook.disabled"
