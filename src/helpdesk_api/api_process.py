"""One API process, on the listening socket that its parent opened: `python -m helpdesk_api.api_process DESCRIPTOR`."""

import socket
import sys

import uvicorn

from helpdesk_api.config import Settings, get_settings
from helpdesk_api.logs import configure_logging
from helpdesk_api.main import create_app

GRACE_SECONDS = 10


def configuration(settings: Settings) -> uvicorn.Config:
    """Forwarded addresses count only when a trusted proxy wrote them: sign-in limits go by address."""
    return uvicorn.Config(
        lambda: create_app(settings),
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def main() -> None:
    settings = get_settings()
    configure_logging(settings)
    listener = socket.socket(fileno=int(sys.argv[1]))
    uvicorn.Server(configuration(settings)).run(sockets=[listener])


if __name__ == "__main__":
    main()
