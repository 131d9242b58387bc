"""What sign-in reads off the process's settings and the request."""

from datetime import timedelta

from fastapi import Request

from helpdesk_api.config import Settings
from helpdesk_api.domains.authentication.actions import Lifetimes


def lifetimes_of(settings: Settings) -> Lifetimes:
    return Lifetimes(
        access=timedelta(seconds=settings.access_token_seconds), refresh=timedelta(days=settings.refresh_token_days)
    )


def caller_address(request: Request) -> str:
    """The peer's, or what a trusted proxy says (uvicorn resolves that)."""
    return request.client.host if request.client is not None else "unknown"
