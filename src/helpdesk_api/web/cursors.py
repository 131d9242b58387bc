"""Opaque cursors: encrypted, authenticated, and bound to the list, filter and sort that they came from.

Encrypted rather than signed, because a position in the event log must not be countable.
"""

import base64
import binascii
import hashlib
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from helpdesk_api.web.errors import BadRequest

_NONCE = 12
_cipher: AESGCM | None = None


class InvalidCursor(BadRequest):
    code = "invalid_cursor"
    title = "This cursor is not of this list"
    default_detail = "Use a cursor only with the list, filters and sort order that it came from."


def use_secret(secret: str) -> None:
    """Called once by the process; a changed secret makes all cursors foreign."""
    global _cipher  # noqa: PLW0603 - one secret per process
    _cipher = AESGCM(hashlib.sha256(b"cursor:" + secret.encode()).digest())


def _keyed() -> AESGCM:
    if _cipher is None:
        message = "no cursor secret was set"
        raise RuntimeError(message)
    return _cipher


def encode_cursor(binding: str, values: list[Any]) -> str:
    """`values` are JSON scalars; `binding` is anything that must be equal when the cursor comes back."""
    nonce = os.urandom(_NONCE)
    sealed = _keyed().encrypt(
        nonce, json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(), binding.encode()
    )
    return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


def decode_cursor(binding: str, text: str) -> list[Any]:
    """Raises `invalid_cursor` (400) for anything that `encode_cursor` did not make with this binding."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        values = json.loads(_keyed().decrypt(raw[:_NONCE], raw[_NONCE:], binding.encode()))
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise InvalidCursor(parameter="cursor") from error
    return list(values)
