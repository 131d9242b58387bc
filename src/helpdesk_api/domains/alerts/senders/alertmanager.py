"""Prometheus Alertmanager's webhook (version 4), and Grafana's, which is made after it."""

import json
from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertGrouping
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, objects, part, word

_NOT_SHOWN = ("summary", "title")


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """One fact for each alert by its fingerprint, or one for the group by its key."""
    body = json_object(incoming)
    if not isinstance(body.get("alerts"), list):
        kind = "Alertmanager notification: it has no `alerts`"
        raise not_of(kind)
    alerts = objects(body["alerts"])
    if settings.grouping is AlertGrouping.GROUP and body.get("groupKey"):
        return [_group(body, alerts)]
    return [_alert(alert, body) for alert in alerts]


def read_grafana(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """As above; the alerts of Grafana before 8 stand alone."""
    body = json_object(incoming)
    return [_legacy(body)] if "alerts" not in body and "state" in body else read(incoming, settings)


def _alert(alert: dict[str, Any], body: dict[str, Any]) -> AlertFact:
    labels, annotations = facts.texts(alert.get("labels")), facts.texts(alert.get("annotations"))
    is_over = alert.get("status", body.get("status")) == "resolved"
    for name in ("valueString", "silenceURL"):
        if (worth := facts.text(alert.get(name))) is not None:
            annotations.setdefault(name, worth)
    return AlertFact(
        action=AlertAction.RESOLVE if is_over else AlertAction.TRIGGER,
        dedup_key=facts.key(alert.get("fingerprint")) or facts.key(json.dumps(labels, sort_keys=True)),
        summary=_summary(labels, annotations),
        severity=facts.severity(labels.get("severity"), labels.get("priority"), annotations.get("severity")),
        source=facts.first(labels.get("instance"), labels.get("job"), body.get("externalURL"), limit=facts.MAX_SOURCE),
        labels=labels,
        annotations={name: worth for name, worth in annotations.items() if name not in _NOT_SHOWN},
        links=facts.links(
            (
                annotations.get("runbook_url"),
                alert.get("generatorURL"),
                alert.get("dashboardURL"),
                alert.get("panelURL"),
                alert.get("imageURL"),
            )
        ),
        started_at=facts.instant(alert.get("startsAt")),
        ended_at=facts.instant(alert.get("endsAt")) if is_over else None,
    )


def _summary(labels: dict[str, str], annotations: dict[str, str]) -> str:
    return (
        facts.first(
            annotations.get("summary"),
            annotations.get("title"),
            annotations.get("message"),
            annotations.get("description"),
            labels.get("alertname"),
            limit=facts.MAX_SUMMARY,
        )
        or "An alert without a name"
    )


def _group(body: dict[str, Any], alerts: list[dict[str, Any]]) -> AlertFact:
    """The group began with the last of its alerts that began: its end then comes later than every beginning."""
    labels = facts.texts(body.get("commonLabels")) | facts.texts(body.get("groupLabels"))
    annotations = facts.texts(body.get("commonAnnotations"))
    each = [_alert(alert, body) for alert in alerts]
    is_over = body.get("status") == "resolved"
    firing = [one for one in each if one.action is AlertAction.TRIGGER]
    begun = [one.started_at for one in each if one.started_at is not None]
    for number, one in enumerate(firing[:20], start=1):
        annotations[f"alert {number}"] = one.summary
    return AlertFact(
        action=AlertAction.RESOLVE if is_over else AlertAction.TRIGGER,
        dedup_key=facts.key(body["groupKey"]),
        summary=_summary(labels, facts.texts(body.get("commonAnnotations"))),
        severity=facts.severity(labels.get("severity"), *(one.severity for one in each)),
        source=facts.first(body.get("externalURL"), limit=facts.MAX_SOURCE),
        labels=labels,
        annotations={name: worth for name, worth in annotations.items() if name not in _NOT_SHOWN},
        links=facts.links(one.links[0] for one in each if one.links),
        started_at=max(begun, default=None),
    )


def _legacy(body: dict[str, Any]) -> AlertFact:
    labels = facts.texts(body.get("tags"))
    for match in objects(body.get("evalMatches"))[:10]:
        labels |= facts.texts(match.get("tags"))
    is_over = word(body.get("state")) in {"ok", "paused"}
    return AlertFact(
        action=AlertAction.RESOLVE if is_over else AlertAction.TRIGGER,
        dedup_key=facts.key(body.get("ruleId")) or facts.key(body.get("ruleName")),
        summary=facts.first(body.get("ruleName"), body.get("title"), limit=facts.MAX_SUMMARY) or "A Grafana alert",
        severity=facts.severity(labels.get("severity")),
        source=facts.first(labels.get("instance"), part(body, "ruleUrl"), limit=facts.MAX_SOURCE),
        labels=labels,
        annotations=facts.texts({"message": body.get("message"), "title": body.get("title")}),
        links=facts.links((body.get("ruleUrl"), body.get("imageUrl"))),
    )
