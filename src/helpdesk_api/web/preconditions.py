"""Conditional requests (RFC 9110, 13): strong ETags, If-Match on writes, If-None-Match on reads."""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Header, Request
from starlette.responses import Response

from helpdesk_api.web.errors import FieldError, PreconditionFailed, PreconditionRequired, ValidationFailed


class IfMatch:
    """The caller's `If-Match`, if sent."""

    def __init__(self, header: str | None) -> None:
        self._tags = [tag.strip() for tag in header.split(",")] if header else []

    def check(self, current: str, *, required: bool = False) -> None:
        """Raises `precondition_failed` (412) with the current ETag, or `precondition_required` (428)."""
        if not self._tags:
            if required:
                raise PreconditionRequired
            return
        if "*" not in self._tags and _version_of(current) not in map(_version_of, self._tags):
            message = f"The current version is {current}. Nothing was changed."
            raise PreconditionFailed(message, params={"current_etag": current}, headers={"ETag": current})


_SEEN: Final = "~"
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


def etag_of(version: int, *, audience: str = "v", seen: str = "") -> str:
    """A strong ETag from a version number; `audience` keeps apart representations that differ by reader, and `seen`
    says what this one is shown that no version counts: of other records, and of their own rights."""
    return f'"{audience}{version}{_SEEN if seen else ""}{seen}"'


def _version_of(tag: str) -> str:
    """What a change goes by: who has lost sight of another record meanwhile overwrites nothing of this one."""
    version, parted, _ = tag.partition(_SEEN)
    return f'{version}"' if parted else tag


def etag_of_content(content: bytes) -> str:
    """For records that carry no version."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


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
