"""Sentry's integration platform: issue alerts, metric alerts, and issues that change."""

from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, part

_RESOURCE = "sentry-hook-resource"
_LEVELS = {"fatal": AlertSeverity.CRITICAL, "error": AlertSeverity.ERROR, "warning": AlertSeverity.WARNING}
_ISSUE_ACTIONS = {
    "created": AlertAction.TRIGGER,
    "unresolved": AlertAction.TRIGGER,
    "resolved": AlertAction.RESOLVE,
    "ignored": AlertAction.RESOLVE,
    "archived": AlertAction.RESOLVE,
    "assigned": AlertAction.ACKNOWLEDGE,
}


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """The issue is the key. Comments, installations and errors without an alert are no alerts."""
    del settings
    body = json_object(incoming)
    data = body.get("data")
    if not isinstance(data, dict):
        kind = "hook of Sentry: it has no `data`"
        raise not_of(kind)
    resource = incoming.headers.get(_RESOURCE, "")
    if isinstance(data.get("event"), dict) and resource in {"event_alert", ""}:
        return [_event(data["event"], data)]
    if isinstance(data.get("metric_alert"), dict):
        return [_metric(body, data)]
    action = _ISSUE_ACTIONS.get(str(body.get("action")))
    if isinstance(data.get("issue"), dict) and action is not None:
        return [_issue(data["issue"], action, body)]
    return []


def _event(event: dict[str, Any], data: dict[str, Any]) -> AlertFact:
    labels = dict(_pairs(event.get("tags")))
    for name in ("environment", "platform", "release", "level"):
        if (worth := facts.text(event.get(name))) is not None:
            labels.setdefault(name, worth)
    return AlertFact(
        action=AlertAction.TRIGGER,
        dedup_key=facts.key(event.get("issue_id")),
        summary=facts.first(event.get("title"), event.get("message"), limit=facts.MAX_SUMMARY) or "An error in Sentry",
        severity=_LEVELS.get(str(event.get("level"))) or facts.severity(event.get("level")),
        source=facts.first(event.get("project"), event.get("culprit"), limit=facts.MAX_SOURCE),
        labels=facts.texts(labels),
        annotations=facts.texts({"rule": data.get("triggered_rule"), "culprit": event.get("culprit")}),
        links=facts.links((event.get("web_url"),)),
    )


def _pairs(tags: Any) -> list[tuple[str, Any]]:
    if not isinstance(tags, list):
        return []
    return [(str(one[0]), one[1]) for one in tags[:50] if isinstance(one, list) and len(one) == 2]  # noqa: PLR2004


def _metric(body: dict[str, Any], data: dict[str, Any]) -> AlertFact:
    alert, state = data["metric_alert"], body.get("action")
    return AlertFact(
        action=AlertAction.RESOLVE if state == "resolved" else AlertAction.TRIGGER,
        dedup_key=facts.key(f"metric-{facts.text(part(alert, 'alert_rule', 'id')) or facts.text(alert.get('id'))}"),
        summary=facts.first(
            data.get("description_title"),
            part(alert, "alert_rule", "name"),
            alert.get("title"),
            limit=facts.MAX_SUMMARY,
        )
        or "A metric alert of Sentry",
        severity=facts.severity(state),
        source=facts.first(", ".join(str(one) for one in (alert.get("projects") or [])[:5]), limit=facts.MAX_SOURCE)
        if isinstance(alert.get("projects"), list)
        else None,
        annotations=facts.texts({"description": data.get("description_text")}),
        links=facts.links((data.get("web_url"),)),
    )


def _issue(issue: dict[str, Any], action: AlertAction, body: dict[str, Any]) -> AlertFact:
    return AlertFact(
        action=action,
        dedup_key=facts.key(issue.get("id")),
        summary=facts.first(issue.get("title"), limit=facts.MAX_SUMMARY) or "An issue in Sentry",
        severity=_LEVELS.get(str(issue.get("level"))) or facts.severity(issue.get("level")),
        source=facts.first(part(issue, "project", "slug"), issue.get("culprit"), limit=facts.MAX_SOURCE),
        labels=facts.texts({"short_id": issue.get("shortId"), "level": issue.get("level")}),
        links=facts.links((issue.get("web_url"), issue.get("permalink"))),
        by=facts.first(part(issue, "assignedTo", "email"), part(body, "actor", "name"), limit=facts.MAX_SOURCE),
    )
