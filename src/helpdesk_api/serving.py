"""`helpdesk serve`: one parent that owns the embedded PostgreSQL and keeps the API and the worker running."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from helpdesk_api.config import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
# A child that ends sooner than this after its start did not just have bad luck: wait before the next try.
CRASH_LOOP_SECONDS = 2.0
_POLL_SECONDS = 0.1


class CannotServe(RuntimeError):
    """The server cannot start; the message says why."""


@dataclass
class Child:
    """A process that is started again whenever it ends by itself."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = field(default=0)

    def start(self, environment: Mapping[str, str]) -> None:
        self.started_at = time.monotonic()
        # Their own group: Ctrl-C reaches the parent, which stops them in order.
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            self.command, env=dict(environment), process_group=0, stdin=subprocess.DEVNULL
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, deadline: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Server:
    """The children, watched until a signal says stop."""

    def __init__(self, settings: Settings, *, workers: int, with_worker: bool) -> None:
        self._settings = settings
        self._stopping = False
        self._children = [Child("api", _api_command(settings, workers))]
        if with_worker:
            self._children.append(Child("worker", [sys.executable, "-m", "helpdesk_api.parent", "helpdesk_api.worker"]))

    def run(self, on_ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. Raises `CannotServe` when the port is taken or nothing answers."""
        _check_port(self._settings)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        environment = {
            **os.environ,
            "HELPDESK_DATABASE_URL": self._settings.database_url_required,
            "HELPDESK_SECRET_KEY": self._settings.secret,
        }
        try:
            for child in self._children:
                child.start(environment)
            self._await_ready()
            if not self._stopping:
                on_ready()
            while not self._stopping:
                self._restart_ended(environment)
                time.sleep(_POLL_SECONDS)
        finally:
            self._stop_all()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        address = f"http://{_reachable_host(self._settings.host)}:{self._settings.port}/readyz"
        while not self._stopping:
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own loopback address
                return
            if any(child.has_ended() for child in self._children) or time.monotonic() > deadline:
                message = "the server did not become ready; its log is above"
                raise CannotServe(message)
            time.sleep(0.05)

    def _restart_ended(self, environment: Mapping[str, str]) -> None:
        for child in self._children:
            if not child.has_ended() or self._stopping:
                continue
            if time.monotonic() - child.started_at < CRASH_LOOP_SECONDS:
                time.sleep(CRASH_LOOP_SECONDS)
            child.restarts += 1
            sys.stderr.write(f"The {child.name} process ended; starting it again.\n")
            child.start(environment)

    def _stop_all(self) -> None:
        for child in self._children:
            child.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.wait(deadline)


def _api_command(settings: Settings, workers: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "helpdesk_api.parent",
        "uvicorn",
        "helpdesk_api.main:create_app",
        "--factory",
        f"--host={settings.host}",
        f"--port={settings.port}",
        f"--workers={workers}",
        "--log-level=warning",
        "--no-access-log",
        "--no-server-header",
        "--timeout-graceful-shutdown=10",
        *(
            [f"--forwarded-allow-ips={','.join(settings.trusted_proxies)}"]
            if settings.trusted_proxies
            else ["--no-proxy-headers"]
        ),
    ]


def _check_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            message = f"{settings.host}:{settings.port} cannot be used ({error.strerror}); set HELPDESK_PORT"
            raise CannotServe(message) from error


def _reachable_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - a name for a listener, not one
