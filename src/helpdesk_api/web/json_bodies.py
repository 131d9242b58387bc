"""JSON as callers send it: every object has each name once (RFC 7493)."""

import json
from collections import Counter
from typing import Any

from helpdesk_api.web.errors import BadRequest


class RepeatedName(BadRequest):
    """Readers of JSON differ in which value they take, and the other one would be dropped in silence."""

    code = "repeated_name"
    title = "An object in the body has a name twice"
    remedy = "Send each name once in an object."


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        shown = "".join(character if character.isprintable() else "?" for character in twice[:50])
        message = f"`{shown}` stands in it more than once."
        raise RepeatedName(message)
    return found


# Made once: to make one costs as much as to read a small body.
_decoder = json.JSONDecoder(object_pairs_hook=_each_once)


def read_json(content: bytes) -> Any:
    """Raises `repeated_name`, and what `json.loads` does."""
    return _decoder.decode(content.decode(json.detect_encoding(content), "surrogatepass"))
