"""Placeholders in texts that people write: Liquid (https://shopify.github.io/liquid/), cut down to what cannot run on.

Only what `liquid_engine` lists is offered: no ranges, no partials, no filter whose result can be much larger than its
input. A text is checked when it is saved; what only shows when it is filled in ends at a limit.
"""

from collections.abc import Mapping
from typing import Any, Final

from helpdesk_api.web.errors import Unprocessable

Offered = Mapping[str, frozenset[str]]
Values = Mapping[str, Mapping[str, Any]]

MAX_SOURCE: Final = 20_000
MAX_MARKS: Final = 300
MAX_LOOPS: Final = 200
MAX_KEPT: Final = 20_000
MAX_OUTPUT: Final = 65_536
CPU_SECONDS: Final = 0.05


class InvalidTemplate(Unprocessable):
    """`errors[].code` is `template_syntax`, `unknown_placeholder`, `unknown_filter`, `range_not_offered` or
    `template_too_long`; `params` have its line and column, from 1."""

    code = "invalid_template"
    title = "The text's placeholders cannot be filled in"


class TemplateLimitReached(Unprocessable):
    """It loops, grows or keeps more than a text needs."""

    code = "template_limit_reached"
    title = "Filling in this text takes too much"
    remedy = "Write it with fewer loops and shorter values."


# The engine comes with its first use: a fifth of a second of each start otherwise.
def check_template(source: str, offered: Offered, pointer: str = "#/body") -> None:
    """Raises `invalid_template`, pointing at the text and naming line and column."""
    from helpdesk_api.web import liquid_engine  # noqa: PLC0415

    liquid_engine.read(source, offered, pointer)


def fill_template(
    source: str, offered: Offered, values: Values, pointer: str = "#/body", *, cpu_seconds: float = CPU_SECONDS
) -> str:
    """The text with its placeholders filled in; what has no value is left out.

    Raises `invalid_template`, for one that is no longer offered, and `template_limit_reached`.
    """
    from helpdesk_api.web import liquid_engine  # noqa: PLC0415

    return liquid_engine.fill(source, offered, values, pointer, cpu_seconds)
