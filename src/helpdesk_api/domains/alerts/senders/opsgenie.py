"""Opsgenie's alert API: what its clients post to create, close and acknowledge an alert by its alias."""

from typing import Any, Final

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of

MAX_ALIAS: Final = 512


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    del settings
    return [created(json_object(incoming))]


def created(body: dict[str, Any]) -> AlertFact:
    """Raises `unreadable_alert` without a message. The same alias again is the same alert."""
    message = facts.text(body.get("message"), facts.MAX_SUMMARY)
    if message is None:
        kind = "Opsgenie alert: it has no `message`"
        raise not_of(kind)
    labels = facts.texts(body.get("details")) | facts.tags(body.get("tags"))
    if (entity := facts.text(body.get("entity"))) is not None:
        labels.setdefault("entity", entity)
    return AlertFact(
        action=AlertAction.TRIGGER,
        dedup_key=facts.key(body.get("alias")),
        summary=message,
        severity=facts.severity(body.get("priority") or "P3"),
        source=facts.first(body.get("source"), body.get("entity"), limit=facts.MAX_SOURCE),
        labels=labels,
        annotations=facts.texts({"description": body.get("description"), "note": body.get("note")}),
    )


def ended(alias: str, body: dict[str, Any], action: AlertAction) -> AlertFact:
    """`close` and `acknowledge`: `user` is who did it, often by address."""
    return AlertFact(
        action=action,
        dedup_key=facts.key(alias),
        summary=facts.text(body.get("note"), facts.MAX_SUMMARY) or alias,
        by=facts.text(body.get("user"), facts.MAX_SOURCE),
    )
