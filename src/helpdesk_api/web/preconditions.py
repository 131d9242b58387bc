"""Conditional requests (RFC 9110, 13): strong ETags, If-Match on writes, If-None-Match on reads.

An ETag as it is answered has two parts, `"v12-9f86d081884c7d65"`. The first is the record's version, by which writes
are judged; the second is of the bytes of the answer, which also hold what no version of this record counts: who else is
named, and what this reader may do by now. A 304 needs both.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request
from starlette.responses import Response

from helpdesk_api.web.errors import FieldError, PreconditionFailed, PreconditionRequired, ValidationFailed


class IfMatch:
    """The caller's `If-Match`, if sent. What was answered beside the version is of no matter to a write."""

    def __init__(self, header: str | None) -> None:
        self._tags = None if header is None else [_STAMP.sub('"', tag.strip()) for tag in header.split(",")]

    def check(self, current: str, *, required: bool = False) -> None:
        """`current` is the version alone. Raises `precondition_failed` (412) with it, or `precondition_required`."""
        if self._tags is None:
            if required:
                raise PreconditionRequired
            return
        if "*" not in self._tags and current not in self._tags:
            message = f"The current version is {current}. Nothing was changed."
            raise PreconditionFailed(message, params={"current_etag": current}, headers={"ETag": current})


# What `stamped` adds.
_STAMP = re.compile(r'-[0-9a-f]{16}"$')
# A cursor is sealed anew for each answer, and leads to the same place.
_CURSORS = re.compile(rb'"(next_cursor|prev_cursor)":"[^"]*"')
UNCONDITIONAL = IfMatch(None)
ETAGS_PATTERN = r"^[\x20-\x7e]*$"
ETAGS_LENGTH = 200


async def read_if_match(
    if_match: Annotated[
        str | None,
        Header(
            max_length=ETAGS_LENGTH,
            pattern=ETAGS_PATTERN,
            description="Change it only if this is still its ETag.",
        ),
    ] = None,
) -> IfMatch:
    return IfMatch(if_match)


IfMatchDep = Annotated[IfMatch, Depends(read_if_match)]


def etag_of(version: int, *, audience: str = "v") -> str:
    """A strong ETag from a version number; `audience` keeps apart representations that differ by reader."""
    return f'"{audience}{version}"'


def etag_of_content(content: bytes) -> str:
    """For records that carry no version."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def stamped(etag: str | None, answered: bytes) -> str:
    """The version's ETag made one of this very answer; without one, the answer's own."""
    if b'_cursor":"' in answered:
        answered = _CURSORS.sub(rb'"\1":""', answered)
    if etag is None:
        return etag_of_content(answered)
    return f'{etag[:-1]}-{hashlib.blake2b(answered, digest_size=8).hexdigest()}"'


def etag_of_order(ids: Iterable[UUID]) -> str:
    """Of a whole order, which moves when anything comes, goes or changes its place."""
    return etag_of_content(b"".join(one.bytes for one in ids))


def set_etag(response: Response, etag: str) -> None:
    response.headers["ETag"] = etag


def held_etags(request: Request) -> str | None:
    """The caller's `If-None-Match`; raises `validation_failed` for what is no list of ETags."""
    held = request.headers.get("if-none-match")
    if held is not None and (len(held) > ETAGS_LENGTH or not re.match(ETAGS_PATTERN, held)):
        wrong = FieldError("string_pattern_mismatch", "A list of ETags is expected.", parameter="If-None-Match")
        raise ValidationFailed(errors=[wrong])
    return held


def matches(if_none_match: str | None, etag: str | None) -> bool:
    """Whether a GET may answer 304; weak comparison, as RFC 9110 13.1.2 asks."""
    if not if_none_match or not etag:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
