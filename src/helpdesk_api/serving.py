"""`helpdesk serve`: one parent that owns the embedded PostgreSQL and keeps the API and the worker running."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from helpdesk_api.config import Settings

READY_SECONDS = 120
STOP_SECONDS = 15.0
# A child that lives this long counts as well; one that does not, so many times in a row, ends everything.
HEALTHY_SECONDS = 10.0
MAX_QUICK_ENDINGS = 5
BACKLOG = 2048
_POLL_SECONDS = 0.05
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names of a listener, read to find a reachable one


class CannotServe(RuntimeError):
    """The server cannot start or go on; the message says why."""


@dataclass
class Child:
    """A process that is started again whenever it ends by itself."""

    name: str
    command: Sequence[str]
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_endings: int = 0

    def start(self, environment: Mapping[str, str]) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=dict(environment),
            # Their own group: Ctrl-C reaches the parent alone, which stops them in order.
            process_group=0,
            stdin=subprocess.DEVNULL,
            pass_fds=self.descriptors,
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, deadline: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def start_again(self, environment: Mapping[str, str]) -> None:
        """After it ended by itself. Raises `CannotServe` when that is all it ever does."""
        lived = time.monotonic() - self.started_at
        self.quick_endings = 0 if lived >= HEALTHY_SECONDS else self.quick_endings + 1
        if self.quick_endings >= MAX_QUICK_ENDINGS:
            message = f"the {self.name} process ended {MAX_QUICK_ENDINGS} times in a row; its log is above"
            raise CannotServe(message)
        how = self.process.returncode if self.process is not None else "?"
        sys.stderr.write(f"helpdesk: the {self.name} process ended ({how}); starting it again\n")
        self.start(environment)


class Server:
    """The children, watched until a signal says stop. A second signal does not wait for running requests."""

    def __init__(self, settings: Settings, *, workers: int, with_worker: bool) -> None:
        self._settings = settings
        self._workers = workers
        self._with_worker = with_worker
        self._children: list[Child] = []
        self._stopping = False

    def run(self, on_ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. Raises `CannotServe` when the port is taken or a process will not live."""
        with open_listener(self._settings) as listener, self._environment() as environment:
            signal.signal(signal.SIGTERM, self._stop)
            signal.signal(signal.SIGINT, self._stop)
            self._children = self._plan(listener.fileno())
            try:
                for child in self._children:
                    child.start(environment)
                self._await_ready()
                if not self._stopping:
                    on_ready()
                while not self._stopping:
                    for child in self._children:
                        if child.has_ended() and not self._stopping:
                            child.start_again(environment)
                    time.sleep(_POLL_SECONDS)
            finally:
                self._stop_all()

    def _plan(self, descriptor: int) -> list[Child]:
        api = [sys.executable, "-m", "helpdesk_api.parent", "helpdesk_api.api_process", str(descriptor)]
        children = [Child("API", api, (descriptor,)) for _ in range(self._workers)]
        if self._with_worker:
            children.append(Child("worker", [sys.executable, "-m", "helpdesk_api.parent", "helpdesk_api.worker"]))
        return children

    @contextlib.contextmanager
    def _environment(self) -> Iterator[Mapping[str, str]]:
        """What the children need to know of what this process set up."""
        known = {
            **os.environ,
            "HELPDESK_DATABASE_URL": self._settings.database_url_required,
            "HELPDESK_SECRET_KEY": self._settings.secret,
        }
        if self._workers == 1:
            yield known
            return
        # Any of the processes may be asked for /metrics: they count together, in files.
        with tempfile.TemporaryDirectory(prefix="helpdesk-metrics-") as folder:
            yield {**known, "PROMETHEUS_MULTIPROC_DIR": folder}

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._stopping:
            for child in self._children:
                child.signal(signal.SIGKILL)
        self._stopping = True

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        address = f"{own_url(self._settings)}/readyz"
        while not self._stopping:
            ended = next((child for child in self._children if child.has_ended()), None)
            if ended is not None or time.monotonic() > deadline:
                what = f"the {ended.name} process ended" if ended else "the API does not answer"
                message = f"{what} before the server was ready; its log is above"
                raise CannotServe(message)
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own address
                return
            time.sleep(_POLL_SECONDS)

    def _stop_all(self) -> None:
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.wait(deadline)


def own_url(settings: Settings) -> str:
    """Where this machine reaches the API, which may be behind a proxy for everybody else."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def open_listener(settings: Settings) -> socket.socket:
    """Opened once and shared: a process that is started again misses no connection."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        message = f"{settings.host}:{settings.port} cannot be used ({error.strerror}); set HELPDESK_PORT to another"
        raise CannotServe(message) from error
