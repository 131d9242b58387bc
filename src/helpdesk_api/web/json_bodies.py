"""Bodies as RFC 8259 has them, JSON in UTF-8, and with each name once in an object, as RFC 7493 asks.

Python's own reader also takes UTF-16, halves of surrogates, NaN, and the last of two values.
"""

import json
import math
from collections import Counter
from typing import Any, Final

from helpdesk_api.web.errors import BadRequest, MalformedJson

# Far more than any body here has, and few enough to name each one that is unknown: that takes time in the event loop.
MAX_NAMES: Final = 1_000


class NumberTooLarge(BadRequest):
    code = "number_too_large"
    title = "A number in the body is larger than any that is held"
    default_detail = "Integers have at most 4300 digits here, and fractions fit a double."


class RepeatedName(BadRequest):
    """Readers of JSON differ in which value they take, and the other one would be dropped in silence."""

    code = "repeated_name"
    title = "An object in the body has a name twice"
    remedy = "Send each name once in an object."


def read_json(content: bytes) -> Any:
    """Raises `malformed_json`, `number_too_large`, `repeated_name`, and JSONDecodeError with the place."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8 (byte {error.start})."
        raise MalformedJson(message) from error
    try:
        # A byte order mark may be there, and means nothing.
        return _reader.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        # Python's own bound on the digits of an integer.
        raise NumberTooLarge from error
    except RecursionError as error:
        message = "The body is nested too deeply."
        raise MalformedJson(message) from error


def _fraction(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise NumberTooLarge
    return found


def _refuse_constant(name: str) -> Any:
    message = f"{name} is no JSON."
    raise MalformedJson(message)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        message = f"An object in the body has more than {MAX_NAMES} names."
        raise MalformedJson(message)
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        shown = "".join(character if character.isprintable() else "?" for character in twice[:50])
        message = f"`{shown}` stands in it more than once."
        raise RepeatedName(message)
    return found


# Made once: to make one costs as much as to read a small body.
_reader = json.JSONDecoder(parse_float=_fraction, parse_constant=_refuse_constant, object_pairs_hook=_each_once)
