"""The zero-configuration PostgreSQL: a real server from a wheel, started and watched over by one owner process.

It stops when its owner stops, however that happens; the next start recovers. One owner at a time per data directory.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from helpdesk_api.database.embedded_binaries import find_binaries, major_version
from helpdesk_api.database.embedded_identity import EmbeddedPostgresError, Identity, identity, reachable_place
from helpdesk_api.database.embedded_leftovers import clear_stale_pid, status

START_SECONDS = 60.0
STOP_SECONDS = 30.0
MAX_SOCKET_PATH = 107
MAX_LOG_BYTES = 10_000_000
_PORT = 5432
_PR_SET_PDEATHSIG = 1
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}


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
        self._durable = durable
        self._settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._short_sockets: Path | None = None
        self.url = ""

    def __enter__(self) -> Self:
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

    def check(self) -> None:
        """Raises EmbeddedPostgresError once the server has ended by itself; asks the kernel alone."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            message = f"PostgreSQL {how}; the end of its log:\n{_tail(self.log)}"
            raise EmbeddedPostgresError(message)

    @property
    def log(self) -> Path:
        return self._data.with_name(f"{self._data.name}.log")

    def _start(self) -> None:
        owner = identity(self._data)
        place = reachable_place(self._data, owner)
        binaries = find_binaries(self._bin_dir, owner, beside=place.parent)
        if not (place / "PG_VERSION").exists():
            self._initialise(binaries, owner, place)
        _check_version(binaries, place)
        clear_stale_pid(place, STOP_SECONDS)
        sockets = self._socket_dir(place, owner)
        self._process = self._launch(binaries, owner, place, sockets)
        self._wait_until_ready(place)
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={quote(str(sockets), safe='/')}&port={_PORT}"
        self._data.with_name(f"{self._data.name}.url").write_text(self.url)

    def _initialise(self, binaries: Path, owner: Identity, place: Path) -> None:
        """Made beside its place and then renamed: an interrupted first start leaves nothing that looks finished."""
        fresh = place.with_name(f"{place.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        owner.take(fresh)
        common = [str(binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        if not self._durable:
            common.append("--no-sync")
        # Debian's PostgreSQL 15 has no built-in locale provider: then libc's C.UTF-8, which is as good here.
        failure = ""
        for locale in (["--locale-provider=builtin", "--builtin-locale=C.UTF-8"], ["--locale=C.UTF-8"]):
            done = subprocess.run(
                [*common, *locale],
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                preexec_fn=_die_with_parent(signal.SIGKILL),
                **owner.options(),
            )
            if done.returncode == 0:
                fresh.rename(place)
                return
            failure = done.stderr
        message = f"initdb failed: {failure[-1000:]}"
        raise EmbeddedPostgresError(message)

    def _launch(self, binaries: Path, owner: Identity, place: Path, sockets: Path) -> subprocess.Popen[bytes]:
        settings = {**self._settings, "unix_socket_directories": str(sockets), "unix_socket_permissions": "0700"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(place), *options],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C in the terminal reaches the owner alone, which then stops us in order.
                preexec_fn=_die_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call, loaded before the fork
                **owner.options(),
            )

    def _wait_until_ready(self, place: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            # A stale file says ready too, but not of this process.
            if status(place) == (self._process.pid, "ready"):
                return
            time.sleep(0.02)
        message = f"PostgreSQL did not start; the end of its log:\n{_tail(self.log)}"
        raise EmbeddedPostgresError(message)

    def _socket_dir(self, place: Path, owner: Identity) -> Path:
        """The data directory itself; a short private folder where the path would be too long for a socket."""
        socket = place / f".s.PGSQL.{_PORT}"
        if len(str(socket).encode()) <= MAX_SOCKET_PATH:
            socket.unlink(missing_ok=True)
            return place
        self._short_sockets = Path(tempfile.mkdtemp(prefix="helpdesk-", dir="/tmp"))
        owner.take(self._short_sockets)
        return self._short_sockets

    def _stop(self) -> None:
        if self._process is not None:
            for stop in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if self._process.poll() is None:
                    self._process.send_signal(stop)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
                    break
            self._process = None
        if self._short_sockets is not None:
            shutil.rmtree(self._short_sockets, ignore_errors=True)
            self._short_sockets = None
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
        return address.read_text() if address.exists() and status(data)[1] == "ready" else None
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


def _check_version(binaries: Path, place: Path) -> None:
    data = (place / "PG_VERSION").read_text().strip()
    program = major_version(binaries)
    if data != program:
        message = (
            f"the data in {place} is of PostgreSQL {data}, the programs are {program}. "
            "Run `helpdesk backup` with the release that wrote it, and `helpdesk restore` with this one."
        )
        raise EmbeddedPostgresError(message)


def _environment() -> dict[str, str]:
    """Ours without PGPORT, PGDATA and the like, which the server would take for its settings."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def _die_with_parent(death: signal.Signals) -> Callable[[], None] | None:
    """Linux tells the child when the thread that made it ends; loaded here, since a fork must not import."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, death, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
