"""Zabbix: the parameters of its webhook media types, as a script posts them."""

import json
from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, objects

_TRIGGERS = "0"
_SEVERITIES = {
    "0": AlertSeverity.INFO,
    "1": AlertSeverity.INFO,
    "2": AlertSeverity.WARNING,
    "3": AlertSeverity.ERROR,
    "4": AlertSeverity.ERROR,
    "5": AlertSeverity.CRITICAL,
}


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """The event is the key: problem, update and recovery carry the same. Other sources than triggers are new each."""
    del settings
    body = json_object(incoming)
    event_id = facts.text(body.get("event_id"), facts.MAX_SOURCE)
    subject = facts.first(body.get("alert_subject"), body.get("event_name"), limit=facts.MAX_SUMMARY)
    if event_id is None and subject is None:
        kind = "Zabbix event: it has neither `event_id` nor `alert_subject`"
        raise not_of(kind)
    # A recovery has an event of its own; some templates send the problem's under the trigger instead.
    key = facts.first(body.get("problem_event_id"), event_id, body.get("trigger_id"), limit=facts.MAX_SOURCE)
    labels = _tags(body.get("event_tags"))
    for name in ("host_name", "trigger_id", "event_source"):
        if (worth := facts.text(body.get(name))) is not None:
            labels.setdefault(name.removesuffix("_name"), worth)
    number = facts.text(body.get("event_update_nseverity")) or facts.text(body.get("event_nseverity")) or ""
    return [
        AlertFact(
            action=_action(body),
            dedup_key=facts.key(key),
            summary=subject or f"Zabbix event {event_id}",
            severity=_SEVERITIES.get(number) or facts.severity(body.get("event_severity")),
            source=facts.first(body.get("host_name"), body.get("host"), limit=facts.MAX_SOURCE),
            labels=labels,
            annotations=facts.texts({"message": body.get("alert_message")}),
            links=facts.links((body.get("zabbix_url"),)),
            by=facts.text(body.get("event_update_user")),
        )
    ]


def _action(body: dict[str, Any]) -> AlertAction:
    is_update = facts.text(body.get("event_update_status")) == "1"
    said = (facts.text(body.get("event_update_action")) or "").lower()
    if is_update and "acknowledged" in said and "unacknowledged" not in said:
        return AlertAction.ACKNOWLEDGE
    of_trigger = (facts.text(body.get("event_source")) or _TRIGGERS) == _TRIGGERS
    is_over = facts.text(body.get("event_value")) == "0"
    return AlertAction.RESOLVE if of_trigger and is_over else AlertAction.TRIGGER


def _tags(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return facts.texts(
        {facts.text(one.get("tag")) or "": one.get("value") for one in objects(value)[: facts.MAX_LABELS]}
    )
