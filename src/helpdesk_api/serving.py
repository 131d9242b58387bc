"""`helpdesk serve`: one parent that owns the embedded PostgreSQL and keeps the API and the worker running."""

import contextlib
import ctypes
import multiprocessing
import os
import pkgutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from helpdesk_api import preloading
from helpdesk_api.config import Settings, UnsafeSettings
from helpdesk_api.integrations.parent import end_with_parent
from helpdesk_api.preloading import CONTEXT, METRICS

READY_SECONDS = 120
STOP_SECONDS = 15.0
# With the parent went the embedded PostgreSQL: a child that still waits for it after this long waits for ever.
GRACE_SECONDS = 15.0
# A child that lives this long counts as well; one that does not, so many times in a row, ends everything.
HEALTHY_SECONDS = 10.0
MAX_QUICK_ENDINGS = 5
BACKLOG = 2048
_POLL_SECONDS = 0.05
_PR_SET_NAME = 15
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names of a listener, read to find a reachable one


class CannotServe(RuntimeError):
    """The server cannot start or go on; the message says why."""


def environment_for(settings: Settings) -> Mapping[str, str]:
    """What the children need to know of what this process set up."""
    return {
        **os.environ,
        "HELPDESK_DATABASE_URL": settings.database_url_required,
        "HELPDESK_SECRET_KEY": settings.secret,
    }


def run_once(work: str, settings: Settings) -> None:
    """Runs a function in a child. Raises `CannotServe` when it fails; it has said why."""
    child = Child(work.rpartition(":")[2], work)
    child.start(environment_for(settings))
    assert child.process is not None  # noqa: S101 - just started
    try:
        child.process.join()
    except KeyboardInterrupt:
        child.signal(signal.SIGTERM)
        child.wait(time.monotonic() + STOP_SECONDS)
        raise
    if child.process.exitcode:
        message = f"{child.name} failed; the reason is above"
        raise CannotServe(message)


def _be(name: str, work: str, environment: dict[str, str], arguments: tuple[Any, ...]) -> None:
    """The life of a child: it ends with its parent, even by `kill -9`."""
    # Their own group: Ctrl-C reaches the parent alone, which stops them in order.
    os.setpgid(0, 0)
    # How it counts was decided when it was imported.
    counting = {name: os.environ[name] for name in (METRICS,) if name in os.environ}
    os.environ.clear()
    os.environ.update({**environment, **counting})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"helpdesk-{name.lower()}"[:15].encode(), 0, 0, 0)
        end_with_parent(signal.SIGTERM)
    threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()
    try:
        pkgutil.resolve_name(work)(*arguments)
    except UnsafeSettings as error:
        sys.stderr.write(f"helpdesk: {error}\n")
        sys.exit(1)


def _follow_parent() -> None:
    """An orderly end first, then any end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)


@dataclass
class Child:
    """A process that is started again whenever it ends by itself. `work` is `module:function`, imported by the child
    alone."""

    name: str
    work: str
    arguments: tuple[Any, ...] = ()
    process: BaseProcess | None = None
    started_at: float = 0.0
    quick_endings: int = 0

    def start(self, environment: Mapping[str, str]) -> None:
        # Anew where what they are forked from was killed.
        preloading.begin()
        self.started_at = time.monotonic()
        self.process = CONTEXT.Process(
            target=_be, name=self.name, args=(self.name, self.work, dict(environment), self.arguments)
        )
        self.process.start()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.exitcode is not None

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.exitcode is None and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def wait(self, deadline: float) -> None:
        if self.process is None:
            return
        self.process.join(max(0.1, deadline - time.monotonic()))
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()

    def start_again(self, environment: Mapping[str, str]) -> None:
        """After it ended by itself. Raises `CannotServe` when that is all it ever does."""
        lived = time.monotonic() - self.started_at
        self.quick_endings = 0 if lived >= HEALTHY_SECONDS else self.quick_endings + 1
        if self.quick_endings >= MAX_QUICK_ENDINGS:
            message = f"the {self.name} process ended {MAX_QUICK_ENDINGS} times in a row; its log is above"
            raise CannotServe(message)
        how = self.process.exitcode if self.process is not None else "?"
        sys.stderr.write(f"helpdesk: the {self.name} process ended ({how}); starting it again\n")
        self.start(environment)


class Server:
    """The children, watched until a signal says stop. A second signal does not wait for running requests.

    `check` raises once there is no use in going on: the database that this process owns has ended, say.
    """

    def __init__(
        self, settings: Settings, *, workers: int, with_worker: bool, check: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._with_worker = with_worker
        self._check = check
        self._children: list[Child] = []
        self._stopping = False

    def run(self, on_ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. Raises `CannotServe` when the port is taken or a process will not live, or what
        `check` raises."""
        environment = environment_for(self._settings)
        with open_listener(self._settings) as listener:
            signal.signal(signal.SIGTERM, self._stop)
            signal.signal(signal.SIGINT, self._stop)
            self._children = self._plan(listener)
            try:
                for child in self._children:
                    child.start(environment)
                self._await_ready()
                if not self._stopping:
                    on_ready()
                while not self._stopping:
                    self._check()
                    for child in self._children:
                        if child.has_ended() and not self._stopping:
                            child.start_again(environment)
                    time.sleep(_POLL_SECONDS)
            finally:
                self._stop_all()

    def _plan(self, listener: socket.socket) -> list[Child]:
        children = [Child("API", "helpdesk_api.api_process:main", (listener,)) for _ in range(self._workers)]
        if self._with_worker:
            children.append(Child("worker", "helpdesk_api.worker:main"))
        return children

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
            self._check()
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
