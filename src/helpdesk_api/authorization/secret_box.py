"""Encryption at rest of what must be read again: signing keys and secrets of other systems (AES-256-GCM)."""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_cipher: AESGCM | None = None
_secret: bytes | None = None


class WrongSecretKey(RuntimeError):
    """What is stored was sealed with another HELPDESK_SECRET_KEY."""


def use_secret(secret: str) -> None:
    """Called once by the process."""
    global _cipher, _secret  # noqa: PLW0603 - one secret per process
    _secret = secret.encode()
    _cipher = AESGCM(hashlib.sha256(b"secret-box:" + secret.encode()).digest())


def _keyed() -> AESGCM:
    if _cipher is None:
        message = "no secret was set"
        raise RuntimeError(message)
    return _cipher


def derived(purpose: str, value: bytes) -> bytes:
    """32 bytes that only who knows the secret can make, the same each time (HMAC-SHA256)."""
    if _secret is None:
        message = "no secret was set"
        raise RuntimeError(message)
    return hmac.new(_secret, purpose.encode() + b":" + value, hashlib.sha256).digest()


def seal(text: str, purpose: str) -> str:
    """`purpose` must be the same when it is opened, so that one kind of secret cannot stand in for another."""
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + _keyed().encrypt(nonce, text.encode(), purpose.encode())).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Raises WrongSecretKey."""
    raw = base64.b64decode(sealed)
    try:
        return _keyed().decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode()).decode()
    except InvalidTag as error:
        message = "a stored secret does not open: HELPDESK_SECRET_KEY is not the one that it was sealed with"
        raise WrongSecretKey(message) from error


def opens(sealed: str, purpose: str) -> bool:
    """Whether it was sealed with the secret that the process has."""
    try:
        unseal(sealed, purpose)
    except WrongSecretKey:
        return False
    return True
