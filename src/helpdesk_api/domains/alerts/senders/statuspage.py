"""Atlassian Statuspage: incidents and components of somebody else's service."""

from typing import Any

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, objects, part, word

_OVER = frozenset({"resolved", "postmortem", "completed"})
_IMPACTS = {
    "critical": AlertSeverity.CRITICAL,
    "major": AlertSeverity.ERROR,
    "minor": AlertSeverity.WARNING,
    "maintenance": AlertSeverity.INFO,
    "none": AlertSeverity.INFO,
}
_COMPONENTS = {
    "major_outage": AlertSeverity.CRITICAL,
    "partial_outage": AlertSeverity.ERROR,
    "degraded_performance": AlertSeverity.WARNING,
    "under_maintenance": AlertSeverity.INFO,
}


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """The incident is the key, or the component."""
    del settings
    body = json_object(incoming)
    if isinstance(body.get("incident"), dict):
        return [_incident(body["incident"], body)]
    if isinstance(body.get("component"), dict):
        return [_component(body["component"], body)]
    kind = "notification of Statuspage: it has neither `incident` nor `component`"
    raise not_of(kind)


def _incident(incident: dict[str, Any], body: dict[str, Any]) -> AlertFact:
    updates = objects(incident.get("incident_updates"))
    is_over = word(incident.get("status")) in _OVER
    names = [facts.text(one.get("name"), 200) for one in objects(incident.get("components"))]
    return AlertFact(
        action=AlertAction.RESOLVE if is_over else AlertAction.TRIGGER,
        dedup_key=facts.key(incident.get("id")),
        summary=facts.text(incident.get("name"), facts.MAX_SUMMARY) or "An incident",
        severity=_IMPACTS.get(word(incident.get("impact"))),
        source=facts.first(part(body, "page", "id"), limit=facts.MAX_SOURCE),
        labels=facts.texts(
            {"status": incident.get("status"), "impact": incident.get("impact"), "components": [n for n in names if n]}
        ),
        annotations=facts.texts({"update": updates[0].get("body")} if updates else {}),
        links=facts.links((incident.get("shortlink"),)),
        started_at=facts.instant(incident.get("created_at")),
        ended_at=facts.instant(incident.get("resolved_at")),
    )


def _component(component: dict[str, Any], body: dict[str, Any]) -> AlertFact:
    status = str(component.get("status") or part(body, "component_update", "new_status"))
    name = facts.text(component.get("name"), 200) or "A component"
    return AlertFact(
        action=AlertAction.RESOLVE if status == "operational" else AlertAction.TRIGGER,
        dedup_key=facts.key(f"component-{facts.text(component.get('id'))}"),
        summary=f"{name}: {status.replace('_', ' ')}",
        severity=_COMPONENTS.get(status),
        source=facts.first(part(body, "page", "id"), limit=facts.MAX_SOURCE),
        labels=facts.texts({"component": name, "status": status}),
    )
