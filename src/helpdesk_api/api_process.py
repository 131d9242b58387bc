"""One API process, on the listening socket that its parent opened."""

import socket

import uvicorn
from fastapi import FastAPI

from helpdesk_api.config import Settings, get_settings
from helpdesk_api.logs import configure_logging
from helpdesk_api.main import create_app
from helpdesk_api.web.http_protocol import ProblemProtocol

GRACE_SECONDS = 10
# Longer than clients and proxies keep an idle connection (5 to 60 seconds): whoever closes it must not be us, in the
# moment in which they send the next request on it.
KEEP_ALIVE_SECONDS = 75


class ApiServer(uvicorn.Server):
    """Ends the streams before it waits for running requests: those never end by themselves."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.following.close()
        await super().shutdown(sockets)


def configuration(settings: Settings, app: FastAPI) -> uvicorn.Config:
    """Forwarded addresses count only when a trusted proxy wrote them: sign-in limits go by address."""
    return uvicorn.Config(
        lambda: app,
        factory=True,
        http=ProblemProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def main(listener: socket.socket) -> None:
    settings = get_settings()
    configure_logging(settings)
    app = create_app(settings)
    ApiServer(configuration(settings, app), app).run(sockets=[listener])
