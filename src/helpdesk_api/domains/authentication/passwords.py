"""Passwords: argon2id in a thread, and the same work whether or not the account exists."""

import asyncio
from dataclasses import dataclass
from typing import Final

from pwdlib import PasswordHash

from helpdesk_api.domains.authentication.errors import PasswordTooWeak

MIN_LENGTH = 10
MAX_LENGTH = 1_024
# NUL, and the surrogates by which Python keeps bytes of an environment or a terminal that are no UTF-8.
_NO_TEXT: Final = frozenset({"\0", *map(chr, range(0xD800, 0xE000))})


@dataclass(frozen=True)
class Hashing:
    """`nobody` is verified when there is no account, so that the answer takes as long as with one: a hash of nobody's
    password, made with the parameters of all others, as a test sees to; making it at every start would take as long as
    a sign-in."""

    hasher: PasswordHash
    nobody: str


RECOMMENDED: Final = Hashing(
    PasswordHash.recommended(),
    "$argon2id$v=19$m=65536,t=3,p=4$1bTio8jSj+9n7QKr8WBHuA$3IjTMNGjahgVznMl1bZiDAovJetNAXOhmZOKWLBNql0",
)
_used = [RECOMMENDED]


def use_hashing(hashing: Hashing) -> None:
    """Only tests do, of whose passwords nothing depends on being dear to guess."""
    _used[:] = [hashing]


def check_strength(password: str, *, pointer: str) -> None:
    """Length over composition (NIST SP 800-63B), and nothing that a sign-in would not take. Raises
    `password_too_weak`."""
    if len(password) > MAX_LENGTH:
        message = f"Use at most {MAX_LENGTH:,} characters."
        raise PasswordTooWeak(message, pointer=pointer)
    if not _NO_TEXT.isdisjoint(password):
        message = "Use text in UTF-8 without control character 0."
        raise PasswordTooWeak(message, pointer=pointer)
    if len(password) < MIN_LENGTH or len(set(password)) < MIN_LENGTH // 2:
        message = f"Use at least {MIN_LENGTH} characters, not all alike."
        raise PasswordTooWeak(message, pointer=pointer)


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_used[0].hasher.hash, password)


async def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Whether it fits, and a fresh hash where the stored one is of an older kind."""
    hashing = _used[0]
    valid, updated = await asyncio.to_thread(
        hashing.hasher.verify_and_update, password, password_hash or hashing.nobody
    )
    return (valid, updated) if password_hash is not None else (False, None)
