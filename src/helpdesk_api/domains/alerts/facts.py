"""An alert as every sender's body is brought to, within bounds."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity

MAX_ALERTS: Final = 500
MAX_LABELS: Final = 100
MAX_KEY: Final = 512
MAX_SUMMARY: Final = 1_024
MAX_TEXT: Final = 4_000
MAX_NAME: Final = 128
MAX_SOURCE: Final = 255
_DIGEST: Final = 32
_FIRST_YEAR, _LAST_YEAR = 1970, 8999
_UNFOLDED = re.compile(r"[^a-z0-9]+")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")

SEVERITIES: Final[Mapping[str, AlertSeverity]] = {
    word: severity
    for severity, words in {
        AlertSeverity.CRITICAL: "critical crit fatal disaster emergency alert page p1 sev0 sev1 down unreachable major",
        AlertSeverity.ERROR: "error err high p2 sev2 average failed partial",
        AlertSeverity.WARNING: "warning warn minor medium p3 sev3 unknown degraded",
        AlertSeverity.INFO: "info information informational notice debug low p4 p5 sev4 ok none",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class AlertFact:
    """What one body says of one alert. `dedup_key` is null for what is new each time; `by` is who acknowledged."""

    action: AlertAction
    summary: str
    dedup_key: str | None = None
    severity: AlertSeverity | None = None
    source: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    by: str | None = None

    @property
    def folded_labels(self) -> dict[str, str]:
        """By names as conditions write them."""
        return {fold_name(name): value for name, value in self.labels.items()}


def fold_name(name: str) -> str:
    return _UNFOLDED.sub("_", name.lower()).strip("_")


def text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """A text of at most `limit` characters that PostgreSQL can hold; null for what is no scalar, and for nothing."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        value = _number(value)
    if not isinstance(value, str):
        return None
    # Half of a surrogate pair is no character, and no column takes it.
    cleaned = value.replace("\x00", "").encode("utf-8", "replace").decode().strip()
    return cleaned[:limit].strip() or None


def _number(value: float) -> str:
    try:
        return str(value)[:MAX_SOURCE]
    except ValueError:
        # An integer of thousands of digits has no text in Python.
        return "(a very large number)"


def texts(value: Any, limit: int = MAX_TEXT) -> dict[str, str]:
    """Labels: the scalars of an object, at most 100 of them; lists of scalars are joined."""
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, str] = {}
    for name, one in value.items():
        key = text(name, MAX_NAME)
        shown = ", ".join(filter(None, (text(part, 200) for part in one[:20]))) if isinstance(one, list) else one
        worth = text(shown, limit)
        if key is not None and worth is not None:
            found[key] = worth
        if len(found) == MAX_LABELS:
            break
    return found


def tags(values: Any) -> dict[str, str]:
    """`["env:prod", "urgent"]` as labels; what has no value is its own."""
    if isinstance(values, str):
        values = values.split(",")
    if not isinstance(values, list):
        return {}
    pairs = (text(one, MAX_NAME + MAX_SOURCE) or "" for one in values[:MAX_LABELS])
    return texts({name.strip(): worth.strip() or name for name, _, worth in (pair.partition(":") for pair in pairs)})


def instant(value: Any) -> datetime | None:
    """RFC 3339, or seconds or milliseconds since 1970; null for what is none, and for Go's zero time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdigit() and len(value.strip()) <= 13:  # noqa: PLR2004
        value = int(value)
    try:
        if isinstance(value, int | float):
            seconds = value / 1_000 if abs(value) >= 100_000_000_000 else value  # noqa: PLR2004
            found = datetime.fromtimestamp(seconds, UTC)
        elif isinstance(value, str):
            found = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", value.strip()))
        else:
            return None
        if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            return None
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.year >= _FIRST_YEAR else None


def severity(*words: Any) -> AlertSeverity | None:
    """Of the first that is a word for one."""
    for word in words:
        found = SEVERITIES.get((text(word, 50) or "").lower().replace("-", "").replace(" ", ""))
        if found is not None:
            return found
    return None


def first(*values: Any, limit: int = MAX_TEXT) -> str | None:
    """The first that is a text."""
    return next((found for value in values if (found := text(value, limit)) is not None), None)


def links(values: Iterable[Any]) -> tuple[str, ...]:
    """Web addresses only: what lands in a ticket may be clicked."""
    found = (text(value, 2_000) for value in values)
    kept = (one for one in found if one is not None and one.startswith(("https://", "http://")) and " " not in one)
    return tuple(dict.fromkeys(kept))[:10]


def key(value: Any) -> str | None:
    """A key of any length, unchanged up to 512 characters, then cut with a digest of the whole."""
    whole = text(value, 100_000)
    if whole is None or len(whole) <= MAX_KEY:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
    return whole[: MAX_KEY - _DIGEST - 1] + "#" + digest


def bounded(fact: AlertFact) -> AlertFact:
    """The same within what is stored, whatever an adapter let through."""
    return replace(
        fact,
        summary=text(fact.summary, MAX_SUMMARY) or "(no summary)",
        dedup_key=key(fact.dedup_key),
        source=text(fact.source, MAX_SOURCE),
        labels=texts(fact.labels),
        annotations=texts(fact.annotations),
        by=text(fact.by, MAX_SOURCE),
    )
