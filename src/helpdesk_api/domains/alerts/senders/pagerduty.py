"""PagerDuty Events v2, as its own endpoint takes it; what it refuses there is refused here."""

from typing import Any, Final

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.errors import UnreadableAlert
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, objects, part, word

MAX_BODY: Final = 524_288
MAX_KEY: Final = 255
_ACTIONS: Final = {action.value: action for action in AlertAction}
_SEVERITIES: Final = frozenset({"critical", "error", "warning", "info"})


class InvalidEvent(UnreadableAlert):
    """`problems` are what PagerDuty's answer lists as `errors`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems)[:500])
        self.problems = problems


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    del settings
    return [event(json_object(incoming))]


def event(body: dict[str, Any]) -> AlertFact:
    """Raises InvalidEvent."""
    problems = problems_of(body)
    if problems:
        raise InvalidEvent(problems)
    payload = body["payload"] if isinstance(body.get("payload"), dict) else {}
    labels = facts.texts(payload.get("custom_details"))
    for name in ("component", "group", "class"):
        if (worth := facts.text(payload.get(name))) is not None:
            labels.setdefault(name, worth)
    urls = [part(one, "href") for one in objects(body.get("links"))]
    urls += [part(one, "src") for one in objects(body.get("images"))]
    return AlertFact(
        action=_ACTIONS[body["event_action"]],
        dedup_key=facts.key(body.get("dedup_key")),
        summary=facts.text(payload.get("summary"), facts.MAX_SUMMARY) or "(no summary)",
        severity=facts.severity(payload.get("severity")),
        source=facts.text(payload.get("source"), facts.MAX_SOURCE),
        labels=labels,
        annotations=facts.texts({"client": body.get("client")}),
        links=facts.links((body.get("client_url"), *urls)),
        started_at=facts.instant(payload.get("timestamp")) if body["event_action"] == "trigger" else None,
        ended_at=facts.instant(payload.get("timestamp")) if body["event_action"] == "resolve" else None,
    )


def problems_of(body: dict[str, Any]) -> list[str]:
    """In PagerDuty's words, empty for an event that it would take."""
    action, key = word(body.get("event_action")), body.get("dedup_key")
    problems = []
    if action not in _ACTIONS:
        problems.append("'event_action' is missing or invalid (must be 'trigger', 'acknowledge' or 'resolve')")
    if key is not None and (not isinstance(key, str) or len(key) > MAX_KEY):
        problems.append(f"'dedup_key' is invalid (must be text of at most {MAX_KEY} characters)")
    if action in {"acknowledge", "resolve"} and not key:
        problems.append("'dedup_key' is missing or blank")
    if action == "trigger":
        problems += _payload_problems(body.get("payload"))
    return problems


def change_problems_of(body: dict[str, Any]) -> list[str]:
    """Of a change event, which says what was done, not what is wrong."""
    payload = body.get("payload")
    if not isinstance(payload, dict):
        return ["'payload' is missing or invalid"]
    return _summary_problems(payload)


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or invalid"]
    problems = _summary_problems(payload)
    if facts.text(payload.get("source")) is None:
        problems.append("'payload.source' is missing or blank")
    if word(payload.get("severity")) not in _SEVERITIES:
        problems.append(
            "'payload.severity' is missing or invalid (must be one of: 'critical', 'warning', 'error' or 'info')"
        )
    return problems


def _summary_problems(payload: dict[str, Any]) -> list[str]:
    summary = facts.text(payload.get("summary"), facts.MAX_SUMMARY + 1)
    if summary is None:
        return ["'payload.summary' is missing or blank"]
    if len(summary) > facts.MAX_SUMMARY:
        return [f"'payload.summary' is too long (at most {facts.MAX_SUMMARY} characters)"]
    return []
