"""Uptime Kuma's webhook: JSON, a form whose field `data` holds that JSON, or its parts as parameters."""

import json
from email.parser import BytesParser
from email.policy import HTTP

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, form, json_object, not_of, parsed, part

_DOWN, _UP, _PENDING = 0, 1, 2


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """The monitor is the key. A test message, whose heartbeat is null, is no alert."""
    del settings
    body = parsed(_content(incoming)) if incoming.media != "application/json" else json_object(incoming)
    if not isinstance(body, dict) or not any(body.get(name) for name in ("heartbeat", "monitor", "msg")):
        kind = "notification of Uptime Kuma"
        raise not_of(kind)
    heartbeat, monitor = body.get("heartbeat"), body.get("monitor")
    if not isinstance(heartbeat, dict) or heartbeat.get("status") == _PENDING:
        return []
    name = facts.first(part(monitor, "name"), body.get("msg"), limit=200) or "A monitor"
    is_up = heartbeat.get("status") == _UP
    key = facts.text(part(monitor, "id")) or facts.text(heartbeat.get("monitorID")) or name
    url = part(monitor, "url")
    return [
        AlertFact(
            action=AlertAction.RESOLVE if is_up else AlertAction.TRIGGER,
            dedup_key=facts.key(key),
            summary=f"{name} is {'up' if is_up else 'down'}",
            severity=AlertSeverity.CRITICAL if heartbeat.get("status") == _DOWN else None,
            source=facts.first(part(monitor, "hostname"), url, limit=facts.MAX_SOURCE),
            labels=facts.texts({"monitor": name, "type": part(monitor, "type"), "host": part(monitor, "hostname")}),
            annotations=facts.texts({"message": body.get("msg"), "cause": heartbeat.get("msg")}),
            links=facts.links((url,)),
        )
    ]


def of_parameters(msg: str | None, heartbeat: str | None, monitor: str | None) -> Incoming:
    """Its GET: what the body would hold, each part as a parameter. Raises `unreadable_alert`."""
    parts = {"msg": msg}
    parts |= {name: parsed(text) for name, text in (("heartbeat", heartbeat), ("monitor", monitor)) if text}
    return Incoming(json.dumps(parts).encode(), "application/json")


def _content(incoming: Incoming) -> str:
    if incoming.media == "multipart/form-data":
        head = b"Content-Type: " + incoming.content_type.encode("latin-1", "replace") + b"\r\n\r\n"
        for one in BytesParser(policy=HTTP).parsebytes(head + incoming.body).iter_parts():
            if one.get_param("name", header="content-disposition") == "data":
                payload = one.get_payload(decode=True)
                return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
        return ""
    if incoming.media == "application/x-www-form-urlencoded":
        return form(incoming.body.decode("utf-8", "replace")).get("data", "")
    return json.dumps(json_object(incoming))
