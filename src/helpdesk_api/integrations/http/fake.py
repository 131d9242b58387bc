"""A web of a few files, for tests."""

from collections.abc import Mapping

from helpdesk_api.integrations.http.protocol import NotDelivered


class FakeFetcher:
    """Knows these files; keeps what it was asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self._files:
            message = "answered 404"
            raise NotDelivered(message)
        return self._files[url]
