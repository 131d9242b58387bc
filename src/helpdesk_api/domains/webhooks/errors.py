"""What can be wrong with a request about webhooks."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    title = "There is no such webhook, or it is somebody else's"


class WebhookDeliveryNotFound(NotFound):
    code = "webhook_delivery_not_found"
    title = "There is no such delivery"
    remedy = "Deliveries are forgotten after some weeks; the event itself stays in the log."


class UnknownEventType(Unprocessable):
    code = "unknown_event_type"
    title = "There is no such type of event"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = "Nobody needs more webhooks than this"
    remedy = "Delete one that is no longer used."


class WebhookInactive(Conflict):
    code = "webhook_inactive"
    title = "The webhook is switched off"
    remedy = "Switch it on with `is_active` first."


class ReplayTooLarge(Unprocessable):
    code = "replay_too_large"
    title = "The replay spans too much"
    remedy = "Ask for a shorter time, several times."
