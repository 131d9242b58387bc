"""The API process: builds the application from the wiring, and owns its connections while it is served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from helpdesk_api import wiring
from helpdesk_api.config import Settings, get_settings
from helpdesk_api.database.listener import Listener
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments.routes import UPLOAD_PATH
from helpdesk_api.domains.audit.following import LogFollowing
from helpdesk_api.domains.embeddings.engine import close_embedder
from helpdesk_api.domains.knowledge.tally import counting
from helpdesk_api.installation import install_wiring, open_database
from helpdesk_api.outbox.pending import LOG_CHANNEL, send_wakeups_through
from helpdesk_api.routers import ROUTERS
from helpdesk_api.web import problems
from helpdesk_api.web.body_limit import BodyLimitMiddleware
from helpdesk_api.web.cors import ALLOWED_HEADERS, EXPOSED_HEADERS, METHODS, ProblemCors
from helpdesk_api.web.dispatch import Dispatcher
from helpdesk_api.web.head_requests import HeadRequests
from helpdesk_api.web.middleware import EdgeMiddleware
from helpdesk_api.web.rate_limit import RateLimiter, lease_from
from helpdesk_api.web.routing import serving_order
from helpdesk_api.web.secret_paths import SecretPaths

# For the boundaries and headers round the one file of an upload.
MULTIPART_ROOM = 65_536


def following_for(app: FastAPI, database: Database) -> LogFollowing:
    """Asks for the authenticator each time: it belongs to the application, which may be given another."""
    return LogFollowing(database, lambda: app.state.authenticator)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database = open_database(settings)
    listener = Listener(settings.database_url_required)
    app.state.database = database
    app.state.rate_limiter = RateLimiter(settings.rate_limit_per_minute, lease_from(database))
    app.state.following = following = following_for(app, database)
    listener.on_wake(LOG_CHANNEL, following.wake)
    await listener.start()
    send_wakeups_through(listener.wake)
    try:
        async with counting(database):
            yield
    finally:
        following.close()
        send_wakeups_through(None)
        await listener.stop()
        await close_embedder()
        await database.dispose()


def create_app(settings: Settings | None = None, *, database: Database | None = None) -> FastAPI:
    """The ASGI application. With `database` given, connections are the caller's business and no lifespan runs."""
    settings = settings or get_settings()
    install_wiring(settings)
    app = FastAPI(
        title="Helpdesk API",
        version="1.0.0",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        lifespan=None if database is not None else _lifespan,
        middleware=_middleware(settings),
    )
    app.user_middleware.append(Middleware(Dispatcher, application=app))
    app.state.settings = settings
    app.state.event_types = tuple(wiring.REACTIONS)
    app.state.stream_messages = wiring.STREAM_MESSAGES
    app.state.database = database
    app.state.authenticator = wiring.authenticate_token
    app.state.rate_limiter = RateLimiter(settings.rate_limit_per_minute)
    if database is not None:
        app.state.following = following_for(app, database)
    problems.install(app)
    app.router.routes.extend(serving_order(ROUTERS))
    app.state.secret_paths = SecretPaths(app.router.routes)
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    edge = Middleware(
        EdgeMiddleware,
        rate_limit_per_minute=settings.rate_limit_per_minute,
        is_https=settings.public_url.startswith("https:"),
    )
    cors = Middleware(
        ProblemCors,
        allow_origins=settings.cors_origins,
        allow_methods=METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
    )
    # Inside both: a refusal for its size carries the headers of every other answer, for browsers too.
    limit = Middleware(
        BodyLimitMiddleware,
        max_bytes=settings.max_body_bytes,
        max_bytes_at={UPLOAD_PATH: settings.max_attachment_bytes + MULTIPART_ROOM},
    )
    return [Middleware(HeadRequests), edge, cors, limit]
