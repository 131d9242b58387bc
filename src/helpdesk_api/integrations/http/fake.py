"""The outside for tests: a receiver that answers as it is told, and a web of a few files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from helpdesk_api.integrations.http.protocol import HttpAnswer, NotDelivered


@dataclass(frozen=True, slots=True)
class Posted:
    url: str
    body: bytes
    headers: Mapping[str, str]


Answers = Callable[[Posted], int | None]


@dataclass
class FakeCaller:
    """`answers` says the status of each; None is no answer at all."""

    answers: Answers = lambda _: 204
    posted: list[Posted] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        posted = Posted(url, body, dict(headers))
        self.posted.append(posted)
        status = self.answers(posted)
        if status is None:
            message = "no answer within 15 seconds"
            raise NotDelivered(message)
        return HttpAnswer(status, f"status {status}")

    async def close(self) -> None:
        return None


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
