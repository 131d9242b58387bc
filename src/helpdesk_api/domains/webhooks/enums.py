"""The words of webhooks."""

from enum import StrEnum


class WebhookPayload(StrEnum):
    """What is posted: the whole event, or only what it is and where to read it."""

    FULL = "full"
    THIN = "thin"


class WebhookDisabledReason(StrEnum):
    """Why the product itself has switched it off: the receiver answered 410, or it has failed for days."""

    GONE = "gone"
    FAILING = "failing"


class CircuitState(StrEnum):
    """`open` while a receiver keeps failing: nothing is sent but a probe now and then, and nothing is lost."""

    CLOSED = "closed"
    OPEN = "open"


class DeliveryState(StrEnum):
    """`pending` waits for its first or next attempt, `dead` had its last one, `withheld` is not the owner's to read."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHHELD = "withheld"


class ListedDeliveryState(StrEnum):
    """`pending` waits for its first or next attempt; `dead` had its last one and waits for `redeliver`."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookAction(StrEnum):
    """What a caller may be able to do with a webhook; each is an operation of this API."""

    UPDATE = "update"
    DELETE = "delete"
    ROTATE_SECRET = "rotate_secret"  # noqa: S105 - the name of an operation
    TEST = "test"
    REPLAY = "replay"


class WebhookRefusal(StrEnum):
    """Why an action on a webhook is not open to the caller."""

    SCOPE_MISSING = "scope_missing"
    INACTIVE = "webhook_inactive"
