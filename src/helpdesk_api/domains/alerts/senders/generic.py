"""Any JSON, read by the integration's mapping of JSON pointers (RFC 6901)."""

from collections.abc import Mapping
from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, decoded, not_of, parsed

_RESOLVED = ("resolved", "ok", "up", "recovered", "closed", "normal")
_ACKNOWLEDGED = ("acknowledged", "ack")


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """Raises `unreadable_alert` when there is no summary where the mapping says."""
    body, mapping = parsed(decoded(incoming)), settings.mapping or {}
    found = body
    if mapping.get("alerts"):
        found = at(body, mapping["alerts"])
        if not isinstance(found, list):
            kind = f"body with a list at `{mapping['alerts']}`"
            raise not_of(kind)
    return [_alert(one, mapping) for one in (found if isinstance(found, list) else [found])]


def _alert(body: Any, mapping: Mapping[str, Any]) -> AlertFact:
    said = {name: at(body, mapping[name]) if mapping.get(name) else None for name in mapping if name not in _WORDS}
    summary = facts.text(said.get("summary"), facts.MAX_SUMMARY)
    if summary is None:
        kind = f"alert with a text at `{mapping.get('summary')}`"
        raise not_of(kind)
    state = (facts.text(said.get("state")) or "").lower()
    return AlertFact(
        action=_action(state, mapping),
        dedup_key=facts.key(said.get("dedup_key")),
        summary=summary,
        severity=facts.severity(said.get("severity")),
        source=facts.text(said.get("source"), facts.MAX_SOURCE),
        labels=facts.texts(said.get("labels")),
        started_at=facts.instant(said.get("started_at")),
    )


_WORDS = frozenset({"resolved_when", "acknowledged_when", "alerts"})


def _action(state: str, mapping: Mapping[str, Any]) -> AlertAction:
    if state in {word.lower() for word in mapping.get("resolved_when") or _RESOLVED}:
        return AlertAction.RESOLVE
    if state in {word.lower() for word in mapping.get("acknowledged_when") or _ACKNOWLEDGED}:
        return AlertAction.ACKNOWLEDGE
    return AlertAction.TRIGGER


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer names; null where there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and len(name) < 6 and int(name) < len(value):  # noqa: PLR2004
            value = value[int(name)]
        else:
            return None
    return value
