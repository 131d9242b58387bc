"""The product's processes over a PostgreSQL of their own, each of which can be killed and is then started again."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.embedded import EmbeddedPostgres
from helpdesk_api.database.migrations import migrate
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.users.models import User
from helpdesk_api.serving import Child

API, WORKER = "api", "worker"
READY_SECONDS = 240.0
# Commits survive the death of any process of ours or of PostgreSQL's, if not that of the machine.
_POSTGRES = {"fsync": "off", "shared_buffers": "64MB"}
_SETTINGS = {
    "HELPDESK_ENV": "test",
    "HELPDESK_SECRET_KEY": "only-for-the-chaos-" + "x" * 32,
    "HELPDESK_OUTBOUND_NETWORKS": "127.0.0.0/8",
    "HELPDESK_RATE_LIMIT_PER_MINUTE": "10000000",
    # What a killed worker held is another's after four seconds.
    "HELPDESK_WEBHOOK_TIMEOUT_SECONDS": "2",
    "HELPDESK_JOB_VISIBILITY_SECONDS": "2",
    "HELPDESK_LOG_FORMAT": "json",
}


@dataclass
class Mortal:
    """One process, that ends with this one; `endings` are the exit codes of those that nobody killed."""

    name: str
    work: str
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]
    log: Path
    url: str | None = None
    child: Child | None = None
    kills: int = 0
    endings: list[int] = field(default_factory=list)

    def start(self) -> None:
        self.child = Child(self.name, f"tests.end_to_end.mortal:{self.work}", (str(self.log), *self.arguments))
        self.child.start(self.environment)

    def kill(self) -> None:
        """`kill -9`, and at once another one."""
        self.look()
        if self._exit_code() is None:
            self.stop()
            self.kills += 1
        self.start()

    def look(self) -> None:
        """Notes when it has ended by itself, and starts it again."""
        if self.child is not None and (code := self._exit_code()) is not None:
            self.endings.append(code)
            self.start()

    def stop(self) -> None:
        if self.child is not None and self.child.process is not None:
            self.child.signal(signal.SIGKILL)
            self.child.process.join()

    def _exit_code(self) -> int | None:
        return self.child.process.exitcode if self.child is not None and self.child.process is not None else None


class Ground:
    """PostgreSQL, and the processes over it."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder / "data", settings=_POSTGRES)
        self._folder = folder
        self.mortals: list[Mortal] = []

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def settings(self) -> Settings:
        """Those of the processes, for whoever works on their tables."""
        given = {name.removeprefix("HELPDESK_").lower(): value for name, value in _SETTINGS.items()}
        return Settings(_env_file=None, **{**given, "database_url": self.url, "data_dir": self._folder})  # type: ignore[arg-type]

    def restart_postgres(self) -> None:
        """An immediate stop: every backend dies at once, and the next start recovers from the log."""
        os.kill(self._server.process_id, signal.SIGQUIT)
        self._server.__exit__(None, None, None)
        self._server.__enter__()

    def of(self, kind: str) -> list[Mortal]:
        return [one for one in self.mortals if one.name.startswith(kind)]

    def urls(self) -> list[str]:
        return [one.url for one in self.of(API) if one.url is not None]


@contextmanager
def ground(folder: Path, *, apis: int = 2, workers: int = 2) -> Iterator[Ground]:
    """Migrated and with nobody in it; the processes are planned, not started. Each API process has an address of its
    own, whose listening socket stays open over its deaths."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HELPDESK_")}
    found = Ground(folder)
    with ExitStack() as stack:
        stack.enter_context(found._server)
        migrate(found.url)
        environment = {**kept, **_SETTINGS, "HELPDESK_DATABASE_URL": found.url, "HELPDESK_DATA_DIR": str(folder)}
        for number in range(apis):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1_024))
            name, url = f"{API}-{number}", f"http://127.0.0.1:{listener.getsockname()[1]}"
            found.mortals.append(Mortal(name, API, (listener,), environment, folder / f"{name}.log", url))
        for number in range(workers):
            name = f"{WORKER}-{number}"
            found.mortals.append(Mortal(name, WORKER, (), environment, folder / f"{name}.log"))
        for mortal in found.mortals:
            stack.callback(mortal.stop)
        yield found


async def until_ready(url: str) -> None:
    """An API process that starts, or has been started again, answers."""
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=2) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.1)
    message = f"{url} is not ready"
    raise AssertionError(message)


async def token_of(database: Database, user: User) -> str:
    """An access token as a sign-in gives it, for the hour of a run."""
    keys = await key_set(database)
    return tokens.issue(
        key_id=keys.signing_id,
        private_key=keys.signing_pem,
        user_id=user.id,
        session_id=None,
        scopes=None,
        now=clock.now(),
        lifetime=timedelta(hours=1),
    )
