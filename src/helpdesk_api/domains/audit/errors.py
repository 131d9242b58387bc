"""What can be wrong with a request about events."""

from helpdesk_api.web.errors import NotFound


class EventNotFound(NotFound):
    code = "event_not_found"
    title = "There is no such event"
    default_detail = "It does not exist, is not in the log yet, or is not yours to see."
