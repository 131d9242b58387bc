"""What can be wrong with a request about events."""

from helpdesk_api.web.errors import NotFound, ServiceUnavailable, TooManyRequests


class EventNotFound(NotFound):
    code = "event_not_found"
    title = "There is no such event"
    default_detail = "It does not exist, is not in the log yet, or is not yours to see."


class TooManyStreams(TooManyRequests):
    code = "too_many_streams"
    title = "Too many open streams of one caller"
    remedy = "Close streams that are not needed, or read several filters from one."


class StreamsUnavailable(ServiceUnavailable):
    code = "streams_unavailable"
    title = "This process takes no more streams right now"
