"""A body as it came, and the ways to read one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from helpdesk_api.domains.alerts.enums import AlertGrouping
from helpdesk_api.domains.alerts.errors import UnreadableAlert

MAX_DEPTH: Final = 40
MAX_FIELDS: Final = 500


@dataclass(frozen=True, slots=True)
class Incoming:
    """The raw body; `headers` have lower-case names."""

    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def media(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Settings:
    """What an integration says of how its bodies are read."""

    grouping: AlertGrouping = AlertGrouping.ALERT
    mapping: Mapping[str, Any] | None = None


def decoded(incoming: Incoming) -> str:
    """Raises `unreadable_alert` for what is no UTF-8."""
    try:
        return incoming.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8 (byte {error.start})."
        raise UnreadableAlert(message) from error


def parsed(content: str) -> Any:
    """JSON, whatever type was announced. Raises `unreadable_alert`, also for what is nested too deep."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        message = f"The body is not JSON: {error}"[:300]
        raise UnreadableAlert(message) from error
    if _is_too_deep(value):
        message = f"The body is nested more than {MAX_DEPTH} deep."
        raise UnreadableAlert(message)
    return value


def _refuse_constant(name: str) -> Any:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterable[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]


def json_object(incoming: Incoming) -> dict[str, Any]:
    """Raises `unreadable_alert` for anything but a JSON object."""
    value = parsed(decoded(incoming))
    if not isinstance(value, dict):
        message = "The body is JSON, but no object."
        raise UnreadableAlert(message)
    return value


def form(content: str) -> dict[str, str]:
    """`application/x-www-form-urlencoded`. Raises `unreadable_alert`."""
    try:
        return dict(parse_qsl(content, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        message = f"The form has more than {MAX_FIELDS} fields."
        raise UnreadableAlert(message) from error


def part(value: Any, *path: str) -> Any:
    """What lies at a path of objects; null where it does not."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def word(value: Any) -> str:
    """A text as it is, and nothing for anything else: to be looked up, since lists and objects cannot be."""
    return value if isinstance(value, str) else ""


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def not_of(kind: str) -> UnreadableAlert:
    return UnreadableAlert(f"The body is no {kind}.")
