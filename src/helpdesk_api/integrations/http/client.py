"""Posting over HTTP with httpx."""

from collections.abc import Mapping

import httpx

from helpdesk_api.integrations.http.protocol import NotDelivered

TIMEOUT_SECONDS = 10.0


class HttpxCaller:
    """One client for the life of a worker."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            answer = await self._client.post(url, content=body, headers=dict(headers))
        except httpx.HTTPError as error:
            raise NotDelivered(type(error).__name__) from error
        if not answer.is_success:
            message = f"answered {answer.status_code}"
            raise NotDelivered(message)

    async def close(self) -> None:
        await self._client.aclose()
