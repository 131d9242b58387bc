"""The zero-configuration PostgreSQL: a real server from a wheel, started and watched over by one owner process.

It stops when its owner stops, however that happens; the next start recovers. One owner at a time per data directory.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from helpdesk_api.database.embedded_binaries import EmbeddedPostgresError, Identity, find_binaries, identity, reachable_by

START_SECONDS = 60.0
STOP_SECONDS = 30.0
MAX_SOCKET_PATH = 107
_PORT = 5432
_PR_SET_PDEATHSIG = 1
_STATUS_LINE = 7
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC"}


class AlreadyRunning(EmbeddedPostgresError):
    """Another process owns this data directory."""


class EmbeddedPostgres:
    """Context manager: `url` is an SQLAlchemy URL over a Unix socket, good until the block ends.

    `durable=False` is for tests: nothing is synced to disk. Enter it from a thread that outlives the block: the
    kernel ends the server when that thread ends.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._data = Path(data_dir).absolute()
        self._bin_dir = bin_dir
        self._settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self.url = ""

    def __enter__(self) -> "EmbeddedPostgres":
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self._data)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def process_id(self) -> int:
        """The postmaster's."""
        if self._process is None:
            message = "the server is not running"
            raise EmbeddedPostgresError(message)
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._data.with_name(f"{self._data.name}.log")

    def _start(self) -> None:
        owner = identity()
        self._data.mkdir(mode=0o700, exist_ok=True)
        owner.take(self._data)
        if not reachable_by(owner, self._data):
            message = (
                f"PostgreSQL refuses to run as root, and the user {owner.name} cannot reach {self._data}. "
                "Set HELPDESK_DATA_DIR to a folder whose parents others may enter, or start it as another user."
            )
            raise EmbeddedPostgresError(message)
        binaries = find_binaries(self._bin_dir, owner, beside=self._data.parent)
        if not (self._data / "PG_VERSION").exists():
            self._initialise(binaries, owner)
        _clear_stale_pid(self._data)
        sockets = _socket_dir(self._data, owner)
        self._process = self._launch(binaries, owner, sockets)
        self._wait_until_ready()
        self.url = _url(sockets)
        self._data.with_name(f"{self._data.name}.url").write_text(self.url)

    def _initialise(self, binaries: Path, owner: Identity) -> None:
        """Debian's PostgreSQL 15 has no built-in locale provider: then libc's C.UTF-8, which is as good here."""
        common = [str(binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        providers = (["--locale-provider=builtin", "--builtin-locale=C.UTF-8"], ["--locale=C.UTF-8"])
        failure = ""
        for locale in providers:
            done = subprocess.run(  # noqa: S603 - our own binary and paths
                [*common, *locale], env=_environment(), capture_output=True, text=True, check=False, **owner.options()
            )
            if done.returncode == 0:
                return
            failure = done.stderr
        message = f"initdb failed: {failure[-1000:]}"
        raise EmbeddedPostgresError(message)

    def _launch(self, binaries: Path, owner: Identity, sockets: Path) -> subprocess.Popen[bytes]:
        settings = {**self._settings, "unix_socket_directories": str(sockets), "unix_socket_permissions": "0700"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own binary and paths
                [str(binaries / "postgres"), "-D", str(self._data), *options],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C in the terminal reaches the owner alone, which then stops us in order.
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - runs after the user is dropped, which would clear it
                **owner.options(),
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if _status(self._data) == "ready":
                return
            time.sleep(0.02)
        message = f"PostgreSQL did not start; the end of its log:\n{_tail(self.log)}"
        raise EmbeddedPostgresError(message)

    def _stop(self) -> None:
        if self._process is not None:
            for stop in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if self._process.poll() is None:
                    self._process.send_signal(stop)
                try:
                    self._process.wait(STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def running_url(data_dir: Path) -> str | None:
    """The URL of the server that another process runs on this data directory, or None."""
    data = Path(data_dir).absolute()
    try:
        _take_lock(data).close()
    except AlreadyRunning:
        address = data.with_name(f"{data.name}.url")
        return address.read_text() if address.exists() and _status(data) == "ready" else None
    except OSError:
        return None
    return None


def _take_lock(data: Path) -> IO[str]:
    lock = data.with_name(f"{data.name}.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        message = f"the data in {data.parent} is already being served (by process {holder}); stop that one first"
        raise AlreadyRunning(message) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _clear_stale_pid(data: Path) -> None:
    """After a kill the pid file stays, and its pid may be anybody's by now.

    Deleting it would switch off PostgreSQL's own check of the shared memory; naming our pid keeps that check and
    tells PostgreSQL that no other postmaster is meant. A server that is still shutting down is waited for.
    """
    path = data / "postmaster.pid"
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    process_id = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    deadline = time.monotonic() + STOP_SECONDS
    while _serves(process_id, data) and time.monotonic() < deadline:
        os.kill(process_id, signal.SIGINT)
        time.sleep(0.2)
    if path.exists() and lines:
        path.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))


def _serves(process_id: int, data: Path) -> bool:
    """Whether this process is a postmaster of this data directory, zombies not counted."""
    if process_id <= 0:
        return False
    done = subprocess.run(
        ["ps", "-o", "stat=,args=", "-p", str(process_id)],  # noqa: S607 - wherever ps is
        capture_output=True,
        text=True,
        check=False,
    )
    line = done.stdout.strip()
    return bool(line) and not line.startswith("Z") and str(data) in line


def _socket_dir(data: Path, owner: Identity) -> Path:
    """The data directory itself; a short private folder where the path would be too long for a socket."""
    if len(str(data / f".s.PGSQL.{_PORT}").encode()) <= MAX_SOCKET_PATH:
        (data / f".s.PGSQL.{_PORT}").unlink(missing_ok=True)
        return data
    folder = Path(tempfile.mkdtemp(prefix="helpdesk-"))
    owner.take(folder)
    return folder


def _url(sockets: Path) -> str:
    return f"postgresql+asyncpg://postgres@/postgres?host={quote(str(sockets), safe='/')}&port={_PORT}"


def _status(data: Path) -> str:
    """`starting`, `ready`, `stopping`…, from the pid file's eighth line."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()[_STATUS_LINE].strip()
    except (OSError, IndexError):
        return ""


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _die_with_parent() -> Callable[[], None] | None:
    """Linux tells the child when the thread that made it ends; loaded here, since a fork must not import."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _tail(path: Path, lines: int = 15) -> str:
    try:
        found: Sequence[str] = path.read_text(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(found[-lines:])
