"""Backup and restore by PostgreSQL's own programs, of the server's version or newer."""

import os
import subprocess
from pathlib import Path
from shutil import which

from sqlalchemy.engine import make_url

from helpdesk_api.config import Settings
from helpdesk_api.database.embedded_binaries import system_binaries, wheel_binaries


class DumpError(RuntimeError):
    """The program is missing or failed; the message says what it said."""


def find_program(settings: Settings, name: str) -> Path | None:
    """Where the server's own programs come from, else on the path."""
    for folder in (settings.postgres_bin, wheel_binaries(), *system_binaries()):
        if folder is not None and (folder / name).exists():
            return folder / name
    found = which(name)
    return Path(found) if found else None


def dump(settings: Settings, path: Path) -> None:
    """One consistent snapshot, compressed; the server keeps serving. Only the owner may read the file."""
    path.touch(mode=0o600)
    _run(settings, "pg_dump", ["--format=custom", "--no-owner", f"--file={path}"])


def load(settings: Settings, path: Path) -> None:
    """All or nothing; what the database held is replaced."""
    _run(
        settings,
        "pg_restore",
        ["--no-owner", "--exit-on-error", "--single-transaction", "--clean", "--if-exists", str(path)],
    )


def _run(settings: Settings, program: str, arguments: list[str]) -> None:
    where = find_program(settings, program)
    if where is None:
        message = f"{program} was not found; install PostgreSQL's client programs or set HELPDESK_POSTGRES_BIN"
        raise DumpError(message)
    url = make_url(settings.database_url_required).set(drivername="postgresql")
    # The password goes by the environment: every user of the machine can read a command line.
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password is not None else {})}
    target = url.set(password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [str(where), f"--dbname={target}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        message = f"{program} failed: {done.stderr.strip()[-1000:]}"
        raise DumpError(message)
