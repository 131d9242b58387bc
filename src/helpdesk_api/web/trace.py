"""Request id and W3C trace context of the request being served."""

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_trace_id() -> str | None:
    """The trace id of a W3C `traceparent`, else the request id; None outside a request."""
    parent = traceparent.get()
    return parent.split("-")[1] if parent else request_id.get()
