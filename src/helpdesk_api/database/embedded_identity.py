"""As whom PostgreSQL runs, and what that user can reach: the server refuses to be root."""

import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where root's data goes when the user that PostgreSQL runs as cannot enter the folder it was meant for.
SYSTEM_PLACE = Path("/var/lib/helpdesk-api")
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


def identity(data: Path) -> Identity:
    """Ourselves; as root whoever owns the data already, else `postgres`, else `nobody`."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            message = (
                f"the data in {data} belongs to user {_name(owner.st_uid)}: run as root or as that user, "
                "or set HELPDESK_DATA_DIR to another folder"
            )
            raise EmbeddedPostgresError(message)
        return Identity(_name(os.geteuid()))
    if owner is not None and owner.st_uid != 0:
        return Identity(_name(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name, entry.pw_uid, entry.pw_gid)
    message = "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody"
    raise EmbeddedPostgresError(message)


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


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


def reachable_place(data: Path, owner: Identity) -> Path:
    """Where the data really lies: `data`, or what it links to below a system folder, made here when root's `data`
    would lie below a private home."""
    if data.is_symlink() or data.exists() or reachable_by(owner, data):
        place = data.resolve()
        if not reachable_by(owner, place):
            message = (
                f"PostgreSQL refuses to run as root, and the user {owner.name} cannot enter {place.parent}. "
                "Open that folder to others, set HELPDESK_DATA_DIR to another, or start as the folder's user."
            )
            raise EmbeddedPostgresError(message)
        if place.exists():
            owner.take(place)
        return place
    SYSTEM_PLACE.mkdir(parents=True, exist_ok=True)
    SYSTEM_PLACE.chmod(0o711)
    place = SYSTEM_PLACE / f"{data.name}-{secrets.token_hex(4)}"
    data.symlink_to(place, target_is_directory=True)
    return place
