"""A model for tests: words that mean the same are told to it, and texts with the same meanings are near."""

import hashlib
from collections.abc import Mapping, Sequence

from helpdesk_api.integrations.embeddings.protocol import EmbeddingsRefused, EmbeddingsUnavailable

DIMENSIONS = 64


class FakeEmbedder:
    """Each meaning has a direction of its own. `is_down` does not answer; a text with a word of `refused` it does
    not take; with `means_all_the_same` all have one direction; `asked` is what it was given."""

    def __init__(
        self, meanings: Mapping[str, str] | None = None, *, name: str = "fake@1", dimensions: int = DIMENSIONS
    ) -> None:
        self.name = name
        self.languages: frozenset[str] | None = None
        self.is_ready = True
        self.is_down = False
        self.means_all_the_same = False
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.dimensions = dimensions
        self._meanings = meanings or {}

    def prepare(self) -> None:
        self.is_ready = True

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.is_down:
            self.asked += texts
            message = "answered 503"
            raise EmbeddingsUnavailable(message)
        if any(word in text.lower() for word in self.refused for text in texts):
            message = "answered 400"
            raise EmbeddingsRefused(message)
        self.asked += texts
        return [self._vector(text) for text in texts]

    async def close(self) -> None:
        return None

    def _vector(self, text: str) -> list[float]:
        vector = [0.01] * self.dimensions
        for word in [] if self.means_all_the_same else text.lower().split():
            digest = hashlib.sha256(self._meanings.get(word, word).encode()).digest()
            for place in range(self.dimensions):
                vector[place] += 1.0 if digest[place // 8] >> (place % 8) & 1 else -1.0
        return vector
