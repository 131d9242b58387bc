"""Backup and restore by PostgreSQL's own programs, of the server's version or newer."""

import subprocess
from pathlib import Path
from shutil import which

from sqlalchemy.engine import make_url

from helpdesk_api.config import Settings
from helpdesk_api.database.embedded_binaries import EmbeddedPostgresError, find_binaries, identity


def find_program(settings: Settings, name: str) -> Path | None:
    """Beside the server's own programs, else on the path."""
    folders = [settings.postgres_bin] if settings.postgres_bin else []
    try:
        folders.append(find_binaries(settings.postgres_bin, identity(), beside=settings.data_dir))
    except EmbeddedPostgresError:
        pass
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    found = which(name)
    return Path(found) if found else None


def dump(settings: Settings, path: Path) -> None:
    """One consistent snapshot, compressed; the server keeps serving."""
    _run(settings, "pg_dump", ["--format=custom", "--no-owner", f"--file={path}"])


def load(settings: Settings, path: Path) -> None:
    """All or nothing."""
    _run(
        settings,
        "pg_restore",
        ["--no-owner", "--exit-on-error", "--single-transaction", "--clean", "--if-exists", str(path)],
    )


def _run(settings: Settings, program: str, arguments: list[str]) -> None:
    where = find_program(settings, program)
    if where is None:
        message = f"{program} was not found; install PostgreSQL's client programs or set HELPDESK_POSTGRES_BIN"
        raise EmbeddedPostgresError(message)
    url = make_url(settings.database_url_required).set(drivername="postgresql")
    target = url.render_as_string(hide_password=False)
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [str(where), f"--dbname={target}", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        message = f"{program} failed: {done.stderr.strip()[-1000:]}"
        raise EmbeddedPostgresError(message)
