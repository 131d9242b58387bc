"""Any service that answers as OpenAI's `/embeddings` does."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx

from helpdesk_api.integrations.embeddings.protocol import EmbeddingsRefused, EmbeddingsUnavailable

# After so many failures one after the other nobody waits for it, for so long.
FAILURES: Final = 3
PAUSE_SECONDS: Final = 30.0
# A batch may take longer than a question: as long again for every so many texts.
_TEXTS_IN_TIME: Final = 16
MAX_DIMENSIONS: Final = 4_096
# A number takes some twenty characters; what stands round them, little.
_NUMBER_BYTES, _FRAME_BYTES = 32, 64 * 1024
# More than this is read in a thread.
_SMALL_BYTES: Final = 64 * 1024
# Too long, or not to its liking: said of the texts, and no failure of the service.
_REFUSALS: Final = frozenset(
    {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY}
)


class EmbeddingService:
    """`url` is that of the operation, or what stands before `/embeddings`. After failures it rests for a while."""

    def __init__(
        self,
        url: str,
        *,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 2.0,
        transport: httpx.AsyncBaseTransport | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url if url.rstrip("/").endswith("/embeddings") else f"{url.rstrip('/')}/embeddings"
        self._model = model
        # As it is: of what is packed nobody knows how large it will be.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._client = httpx.AsyncClient(headers=headers, transport=transport, trust_env=False, follow_redirects=False)
        self._timeout = timeout_seconds
        self._timer = timer
        self._failures = 0
        self._closed_until = float("-inf")

    @property
    def name(self) -> str:
        return self._model[:120]

    @property
    def languages(self) -> None:
        return None

    @property
    def is_ready(self) -> bool:
        return self._timer() >= self._closed_until

    def prepare(self) -> None:
        return None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if not self.is_ready:
            message = "it failed repeatedly, and is asked again in half a minute"
            raise EmbeddingsUnavailable(message)
        if self._failures >= FAILURES:
            # One asks whether it is back, and the others rest until that is known.
            self._closed_until = self._timer() + PAUSE_SECONDS
        try:
            vectors = await self._ask(texts)
        except EmbeddingsRefused:
            self._is_back()
            raise
        except EmbeddingsUnavailable:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._timer() + PAUSE_SECONDS
            raise
        self._is_back()
        return vectors

    def _is_back(self) -> None:
        self._failures = 0
        self._closed_until = float("-inf")

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        seconds = self._timeout * (1 + len(texts) / _TEXTS_IN_TIME)
        try:
            # Of all of it: the client's own is for each piece that comes.
            async with asyncio.timeout(seconds):
                content = await self._receive(texts, seconds)
                if len(content) > _SMALL_BYTES:
                    vectors = await asyncio.to_thread(_vectors, content)
                else:
                    vectors = _vectors(content)
        except httpx.HTTPStatusError as error:
            message = f"answered {error.response.status_code}"
            refused = error.response.status_code in _REFUSALS
            raise (EmbeddingsRefused if refused else EmbeddingsUnavailable)(message) from error
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise EmbeddingsUnavailable(type(error).__name__) from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            message = "the answer is not one of embeddings"
            raise EmbeddingsUnavailable(message) from error
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) > 1:
            message = "the answer holds too few vectors, or of different lengths"
            raise EmbeddingsUnavailable(message)
        return vectors

    async def _receive(self, texts: Sequence[str], seconds: float) -> bytes:
        """The body of a good answer. Raises ValueError for more than so many vectors can take."""
        most = len(texts) * MAX_DIMENSIONS * _NUMBER_BYTES + _FRAME_BYTES
        asked = {"model": self._model, "input": list(texts)}
        async with self._client.stream("POST", self._url, json=asked, timeout=seconds) as answer:
            answer.raise_for_status()
            if answer.headers.get("content-encoding", "identity") != "identity":
                message = "packed"
                raise ValueError(message)
            received = bytearray()
            async for piece in answer.aiter_bytes():
                received += piece
                if len(received) > most:
                    message = "too long"
                    raise ValueError(message)
        return bytes(received)


def _vectors(content: bytes) -> list[list[float]]:
    rows = sorted(json.loads(content)["data"], key=lambda row: row["index"])
    return [_vector(row["embedding"]) for row in rows]


def _vector(given: Any) -> list[float]:
    vector = [float(value) for value in given]
    if not 1 <= len(vector) <= MAX_DIMENSIONS or not all(map(math.isfinite, vector)):
        message = "no vector"
        raise ValueError(message)
    return vector
