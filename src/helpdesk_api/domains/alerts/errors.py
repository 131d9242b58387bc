"""What can be wrong with a request about alerts."""

from helpdesk_api.web.errors import (
    BadRequest,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    ServiceUnavailable,
    Unauthenticated,
    Unprocessable,
)


class AlertIntegrationNotFound(NotFound):
    code = "alert_integration_not_found"
    title = "There is no such alert integration"


class AlertNotFound(NotFound):
    code = "alert_not_found"
    title = "There is no such alert, or it is not yours to see"


class InvalidRoutingKey(Unauthenticated):
    code = "invalid_routing_key"
    title = "This routing key opens no integration"
    remedy = "Send the integration's key as bearer token, `X-Routing-Key`, basic password, or in the path."


class InvalidAlertSignature(Unauthenticated):
    code = "invalid_alert_signature"
    title = "The body is not signed as this integration asks"
    remedy = "Sign the raw body with the integration's signing secret."


class AlertIntegrationInactive(Forbidden):
    code = "alert_integration_inactive"
    title = "This integration is switched off"


class AlertKindMismatch(Forbidden):
    code = "alert_kind_mismatch"
    title = "This integration takes alerts of another kind"


class UnreadableAlert(BadRequest):
    code = "unreadable_alert"
    title = "This is no alert of the kind that the integration takes"


class AlertBodyTooLarge(PayloadTooLarge):
    code = "alert_body_too_large"
    title = "The body holds more than is taken at once"


class InvalidMapping(Unprocessable):
    code = "invalid_mapping"
    title = "The mapping does not fit the kind"


class AlertSecretUnreadable(ServiceUnavailable):
    """A 503, so that senders keep the alert and send it again once the secret is given anew."""

    code = "alert_secret_unreadable"
    title = "The integration's signing secret cannot be read"
    default_detail = "It was stored under another HELPDESK_SECRET_KEY, so no signature can be checked."
    remedy = "An administrator gives the integration its signing secret anew, or the operator the right key back."


class AlertIntakeBusy(ServiceUnavailable):
    code = "alert_intake_busy"
    title = "More alerts are waiting than can be taken now"
    remedy = "Send it again after the seconds in `Retry-After`; nothing was done with it."
