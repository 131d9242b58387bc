"""Opsgenie's alert API: what its clients post to create, close and acknowledge an alert by its alias.

There a request is answered before it is done, and its id is asked for what came of it. Here it is done by then, and
the id itself says what: the alert's, with the action and whether it came to something in place of the version.
"""

from typing import Any, Final
from uuid import UUID, uuid4

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


_VERSION_AT: Final = 76
_NIBBLE: Final = 0xF << _VERSION_AT
# Ids of alerts are of this version.
_OF_ALERTS: Final = 7
_IN_VAIN: Final = 8
_CODES: Final = {AlertAction.TRIGGER: 1, AlertAction.ACKNOWLEDGE: 2, AlertAction.RESOLVE: 3}
_WORDS: Final = {1: ("Create", "Created alert"), 2: ("Acknowledge", "Acknowledged alert"), 3: ("Close", "Closed alert")}


def request_id(action: AlertAction, alert_id: UUID | None) -> UUID:
    """`alert_id` is None for what came to nothing."""
    code, bits = _CODES[action], (alert_id or uuid4()).int & ~_NIBBLE
    return UUID(int=bits | (code if alert_id is not None else code | _IN_VAIN) << _VERSION_AT)


def what_came_of(request: UUID) -> tuple[str, str, UUID | None] | None:
    """Action and status in Opsgenie's words, and the alert; None for what is no id of a request."""
    code = (request.int & _NIBBLE) >> _VERSION_AT
    words = _WORDS.get(code & ~_IN_VAIN)
    if words is None:
        return None
    if code & _IN_VAIN:
        return words[0], "Alert does not exist", None
    return *words, UUID(int=request.int & ~_NIBBLE | _OF_ALERTS << _VERSION_AT)
