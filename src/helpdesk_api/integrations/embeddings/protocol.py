"""What the product needs of a model of meaning."""

from collections.abc import Collection, Sequence
from typing import Protocol


class EmbeddingsUnavailable(Exception):
    """No vectors came in time; the message says why, without the texts."""


class EmbeddingsRefused(EmbeddingsUnavailable):
    """It answers, and will not make a vector of one of these texts, however often it is asked."""


class Embedder(Protocol):
    """Makes vectors of texts. Those of different names cannot be compared."""

    @property
    def name(self) -> str:
        """The model with its version, at most 120 characters."""
        ...

    @property
    def languages(self) -> Collection[str] | None:
        """Those that it knows, by their two letters; null where nobody says."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether an answer is a matter of milliseconds; `prepare` brings that about."""
        ...

    def prepare(self) -> None:
        """Begins whatever takes seconds, and does not wait for it."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each, all of one length. Raises `EmbeddingsUnavailable`, or of it
        `EmbeddingsRefused`."""
        ...

    async def close(self) -> None: ...
