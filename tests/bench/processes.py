"""The processes of a benchmark: PostgreSQL, one uvicorn process a contender, and the load generator."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_READY_SECONDS = 60.0
_ENVIRONMENT = {
    "HELPDESK_SECRET_KEY": "only-for-the-benchmark-" + "x" * 32,
    "HELPDESK_RATE_LIMIT_PER_MINUTE": "1000000000",
    "HELPDESK_ENV": "test",
    "HELPDESK_EMBEDDINGS": "off",
}


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **_ENVIRONMENT, **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """One uvicorn process on loopback."""

    def __init__(self, factory: str, ready: str, variables: Mapping[str, str], *, log: Path) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "uvicorn", factory, "--factory", f"--port={self.port}"]
        command += ["--log-level=warning", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--loop=uvloop", "--http=httptools"],
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._await(ready)

    def _await(self, path: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with (
                suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2),
            ):
                return
            time.sleep(0.05)
        self.stop()
        message = f"nothing answers {path}; the end of its log:\n{self._log.read_text(errors='replace')[-2000:]}"
        raise RuntimeError(message)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Generator:
    """The load generator's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def run(self, port: int, requests: list[str], *, connections: int, seconds: float) -> dict[str, Any]:
        """Latencies in milliseconds. Raises when any answer was not a success."""
        order = {"port": port, "requests": requests, "connections": connections, "seconds": seconds}
        if self._process.stdin is None or self._process.stdout is None:
            message = "the load generator has no pipes"
            raise RuntimeError(message)
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if answer["failures"]:
            message = f"an answer was not a success: {answer['failures'][0]}"
            raise RuntimeError(message)
        return answer
