"""CloudEvents 1.0 over HTTP, structured and binary, single and in a batch."""

from typing import Any, Final
from urllib.parse import unquote

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, decoded, not_of, objects, parsed, part

_PREFIX: Final = "ce-"
_REQUIRED: Final = ("id", "source", "type", "specversion")
_ENDS: Final = ("resolved", "closed", "recovered", "cleared", "resolve", "close")
_ACKNOWLEDGEMENTS: Final = ("acknowledged", "acknowledge")
_OWN: Final = frozenset({*_REQUIRED, "time", "subject", "data", "data_base64", "datacontenttype", "dataschema"})


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """The key is `data.dedup_key` or the subject within its source; the end of the type says what happened."""
    del settings
    if incoming.media == "application/cloudevents-batch+json":
        return [_event(one) for one in objects(parsed(decoded(incoming)))]
    if f"{_PREFIX}specversion" in incoming.headers:
        return [_event(_binary(incoming))]
    value = parsed(decoded(incoming))
    if not isinstance(value, dict):
        kind = "CloudEvent"
        raise not_of(kind)
    return [_event(value)]


def _binary(incoming: Incoming) -> dict[str, Any]:
    event: dict[str, Any] = {
        name.removeprefix(_PREFIX): unquote(worth)
        for name, worth in incoming.headers.items()
        if name.startswith(_PREFIX)
    }
    if incoming.media.endswith("json"):
        event["data"] = parsed(decoded(incoming))
    elif incoming.body:
        event["data"] = decoded(incoming)
    return event


def _event(event: dict[str, Any]) -> AlertFact:
    missing = [name for name in _REQUIRED if facts.text(event.get(name)) is None]
    if missing or not str(event["specversion"]).startswith("1."):
        kind = f"CloudEvent 1.0: {', '.join(missing) or 'another version'}" + (" missing" if missing else "")
        raise not_of(kind)
    data = event.get("data")
    kind, source = str(event["type"]), facts.text(event["source"], facts.MAX_SOURCE)
    subject = facts.text(event.get("subject"), facts.MAX_SUMMARY)
    extensions = {name: worth for name, worth in event.items() if name not in _OWN}
    own = part(data, "dedup_key")
    about = f"{source} {subject}" if subject is not None else None
    return AlertFact(
        action=_action(kind, data),
        dedup_key=facts.key(own) or facts.key(about),
        summary=facts.first(
            part(data, "summary"), part(data, "title"), part(data, "message"), subject, kind, limit=facts.MAX_SUMMARY
        )
        or kind,
        severity=facts.severity(part(data, "severity"), extensions.get("severity")),
        source=source,
        labels=facts.texts(extensions) | facts.texts(part(data, "labels")) | {"type": kind[:255]},
        annotations=facts.texts({"data": data} if isinstance(data, str) else part(data, "annotations")),
        started_at=facts.instant(part(data, "started_at")),
    )


def _action(kind: str, data: Any) -> AlertAction:
    said = (facts.text(part(data, "state")) or facts.text(part(data, "status")) or "").lower()
    last = kind.lower().rpartition(".")[2]
    if last in _ENDS or said in _ENDS:
        return AlertAction.RESOLVE
    return AlertAction.ACKNOWLEDGE if last in _ACKNOWLEDGEMENTS or said in _ACKNOWLEDGEMENTS else AlertAction.TRIGGER
