"""AWS SNS: the envelope, what its signature covers, and CloudWatch's alarms inside it."""

import json
import re
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, objects, part, word

NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"
_HOST: Final = re.compile(r"sns\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?")
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def envelope(incoming: Incoming) -> dict[str, Any]:
    """Raises `unreadable_alert`."""
    body = json_object(incoming)
    if word(body.get("Type")) not in _SIGNED or not isinstance(body.get("TopicArn"), str):
        kind = "message of Amazon SNS"
        raise not_of(kind)
    return body


def signed_text(body: dict[str, Any]) -> bytes:
    """What the signature is over: name and value of each field that is there, each on a line of its own."""
    names = [name for name in _SIGNED[body["Type"]] if isinstance(body.get(name), str)]
    return "".join(f"{name}\n{body[name]}\n" for name in names).encode("utf-8", "replace")


def is_amazons(url: Any, *, path_ends: str = "") -> bool:
    """Whether an address may be called: https, exactly a host of SNS, no port, no user, no fragment."""
    if not isinstance(url, str) or len(url) > 2_000:  # noqa: PLR2004
        return False
    try:
        split = urlsplit(url)
    except ValueError:
        return False
    fits = split.scheme == "https" and _HOST.fullmatch(split.netloc) is not None and not split.fragment
    return fits and split.path.endswith(path_ends)


def confirms(url: Any, topic: str) -> bool:
    """Whether the address confirms a subscription of this topic and does nothing else."""
    if not is_amazons(url):
        return False
    asked = parse_qs(urlsplit(url).query)
    return asked.get("Action") == ["ConfirmSubscription"] and asked.get("TopicArn") == [topic]


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """CloudWatch's alarms by their ARN; any other message is an alert of its own."""
    del settings
    body = envelope(incoming)
    if body["Type"] != NOTIFICATION:
        return []
    message = body.get("Message")
    try:
        alarm = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        alarm = None
    if isinstance(alarm, dict) and "AlarmName" in alarm:
        return [_alarm(alarm, body)]
    return [
        AlertFact(
            action=AlertAction.TRIGGER,
            summary=facts.first(body.get("Subject"), message, limit=facts.MAX_SUMMARY) or "A message of Amazon SNS",
            dedup_key=facts.key(body.get("MessageId")),
            source=facts.text(body["TopicArn"], facts.MAX_SOURCE),
            labels=facts.texts({"topic": body["TopicArn"]}),
            annotations=facts.texts({"message": message}),
        )
    ]


def _alarm(alarm: dict[str, Any], body: dict[str, Any]) -> AlertFact:
    state, name = alarm.get("NewStateValue"), facts.text(alarm.get("AlarmName"), facts.MAX_SUMMARY)
    labels = facts.texts(
        {
            "alarm": name,
            "region": alarm.get("Region"),
            "account": alarm.get("AWSAccountId"),
            "namespace": part(alarm, "Trigger", "Namespace"),
            "metric": part(alarm, "Trigger", "MetricName"),
            "topic": body["TopicArn"],
        }
    )
    for one in objects(part(alarm, "Trigger", "Dimensions"))[:30]:
        labels |= facts.texts({facts.text(one.get("name")) or "": one.get("value")})
    changed = facts.instant(alarm.get("StateChangeTime"))
    return AlertFact(
        action=AlertAction.RESOLVE if state == "OK" else AlertAction.TRIGGER,
        dedup_key=facts.key(alarm.get("AlarmArn") or name),
        summary=f"{name} is {facts.text(state, 50)}",
        severity=AlertSeverity.WARNING if state == "INSUFFICIENT_DATA" else AlertSeverity.ERROR,
        source=facts.first(alarm.get("Region"), limit=facts.MAX_SOURCE),
        labels=labels,
        annotations=facts.texts({"reason": alarm.get("NewStateReason"), "description": alarm.get("AlarmDescription")}),
        started_at=changed if state != "OK" else None,
        ended_at=changed if state == "OK" else None,
    )
