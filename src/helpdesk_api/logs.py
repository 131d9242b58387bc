"""How log lines look: one event a line with its fields, of our modules and of the libraries' alike."""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from helpdesk_api.config import LogFormat, Settings
from helpdesk_api.web import trace

_HANDLER = "helpdesk"


def _with_request(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The id that the caller got in `X-Request-Id`, so that their report leads to these lines."""
    del logger, method
    identifier = trace.request_id.get()
    if identifier:
        event.setdefault("request_id", identifier)
    return event


def configure_logging(settings: Settings) -> None:
    """To standard error. May be called again; handlers that others set, as a test runner does, stay."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _with_request,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks without local variables: passwords are among them.
    if settings.log_format is LogFormat.JSON:
        plain = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last: list[Processor] = [structlog.processors.ExceptionRenderer(plain), structlog.processors.JSONRenderer()]
    else:
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    handler.set_name(_HANDLER)
    root = logging.getLogger()
    root.handlers[:] = [other for other in root.handlers if other.get_name() != _HANDLER] + [handler]
    root.setLevel(settings.log_level)
    # Their INFO is about connections and migrations of their own; ours is about tickets.
    for name in ("alembic", "uvicorn", "sqlalchemy", "pgqueuer", "httpx"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
