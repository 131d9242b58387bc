"""Short-lived addresses of files: sealed, so that they can neither be guessed nor be made longer."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from helpdesk_api.authorization import secret_box
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.attachments.errors import FileLinkInvalid

LINK_LIFETIME = timedelta(minutes=5)
# The client follows at once.
DIRECT_LIFETIME = timedelta(minutes=1)
_PURPOSE = "file-link"


@dataclass(frozen=True, slots=True)
class FileLink:
    """Which file, and whether its small picture is meant."""

    attachment_id: UUID
    is_thumbnail: bool


def make_link(attachment_id: UUID, *, thumbnail: bool = False) -> tuple[str, datetime]:
    """The path, and when it ends."""
    expires_at = end_of_links()
    return path_until(expires_at, attachment_id, thumbnail=thumbnail), expires_at


def end_of_links() -> datetime:
    """Of those that are given out now."""
    return clock.now() + LINK_LIFETIME


def path_until(expires_at: datetime, attachment_id: UUID, *, thumbnail: bool = False) -> str:
    text = json.dumps([attachment_id.hex, int(thumbnail), expires_at.timestamp()], separators=(",", ":"))
    sealed = base64.b64decode(secret_box.seal(text, _PURPOSE))
    token = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    return f"/v1/files/{token}"


def open_link(token: str) -> FileLink:
    """Raises `file_link_invalid`."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        text = secret_box.unseal(base64.b64encode(sealed).decode(), _PURPOSE)
        identifier, thumbnail, expires = json.loads(text)
    except (secret_box.WrongSecretKey, ValueError, binascii.Error) as error:
        raise FileLinkInvalid from error
    if clock.now() >= datetime.fromtimestamp(expires, UTC):
        raise FileLinkInvalid
    return FileLink(UUID(hex=identifier), bool(thumbnail))


def image_paths(ids: Iterable[UUID]) -> Mapping[str, str]:
    """Where a picture inside a text points, by the id that the text names."""
    shown = [public_id("att", attachment_id) for attachment_id in ids]
    return {name: f"/v1/attachments/{name}/download" for name in shown}
