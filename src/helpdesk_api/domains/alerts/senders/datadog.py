"""Datadog's webhook: a template that its user writes, so each name is looked for in the ways that are common."""

from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of

_OVER = frozenset({"recovered", "resolved", "success"})


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """`$ALERT_CYCLE_KEY` is the same from trigger to recovery; without it `$AGGREG_KEY`, or the alert's id."""
    del settings
    body = {name.lower().lstrip("$"): worth for name, worth in json_object(incoming).items()}
    title = facts.first(_said(body, "event_title", "title", "alert_title"), limit=facts.MAX_SUMMARY)
    if title is None:
        kind = "webhook of Datadog: it has no `title` or `event_title`"
        raise not_of(kind)
    transition = (facts.text(_said(body, "alert_transition", "transition", "alert_type")) or "").lower()
    labels = facts.tags(_said(body, "tags"))
    if (host := facts.text(_said(body, "hostname", "host"))) is not None:
        labels.setdefault("host", host)
    return [
        AlertFact(
            action=AlertAction.RESOLVE if transition in _OVER else AlertAction.TRIGGER,
            dedup_key=facts.key(_said(body, "alert_cycle_key", "aggreg_key", "alert_id", "id")),
            summary=title,
            severity=facts.severity(_said(body, "alert_priority", "priority"), _said(body, "alert_type")),
            source=facts.first(host, labels.get("service"), limit=facts.MAX_SOURCE),
            labels=labels,
            annotations=facts.texts({"message": _said(body, "event_msg", "body", "text_only_msg", "message")}),
            links=facts.links((_said(body, "link", "url"),)),
        )
    ]


def _said(body: dict[str, Any], *names: str) -> Any:
    return next((body[name] for name in names if body.get(name) not in (None, "")), None)
