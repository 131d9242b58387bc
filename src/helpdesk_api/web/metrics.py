"""Prometheus metrics: how many requests of which route ended how, and how long they took."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_requests = Counter("helpdesk_requests_total", "Answered requests.", ["method", "route", "status"])
_seconds = Histogram(
    "helpdesk_request_seconds",
    "Seconds from the request's first byte to the answer's first.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is the template, never the path: ids must not become labels."""
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(method, route).observe(seconds)


def render_metrics() -> tuple[bytes, str]:
    """Of this process; of all API processes where their parent set up a folder to count in together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
