"""Azure Monitor's common alert schema."""

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction, AlertSeverity
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings, json_object, not_of, part


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """`alertId` is the same from the firing to the resolution."""
    del settings
    body = json_object(incoming)
    essentials = part(body, "data", "essentials")
    if body.get("schemaId") != "azureMonitorCommonAlertSchema" or not isinstance(essentials, dict):
        kind = "alert in Azure Monitor's common schema"
        raise not_of(kind)
    targets = essentials.get("configurationItems") or essentials.get("alertTargetIDs")
    labels = facts.texts(part(body, "data", "customProperties")) | facts.texts(
        {
            "alert_rule": essentials.get("alertRule"),
            "signal_type": essentials.get("signalType"),
            "monitoring_service": essentials.get("monitoringService"),
            "target": targets,
            "severity": essentials.get("severity"),
        }
    )
    is_over = essentials.get("monitorCondition") == "Resolved"
    return [
        AlertFact(
            action=AlertAction.RESOLVE if is_over else AlertAction.TRIGGER,
            dedup_key=facts.key(essentials.get("alertId") or essentials.get("originAlertId")),
            summary=facts.first(essentials.get("alertRule"), limit=facts.MAX_SUMMARY) or "An alert of Azure Monitor",
            severity=_severity(facts.text(essentials.get("severity"))),
            source=facts.first(labels.get("target"), limit=facts.MAX_SOURCE),
            labels=labels,
            annotations=facts.texts({"description": essentials.get("description")}),
            links=facts.links((essentials.get("investigationLink"),)),
            started_at=facts.instant(essentials.get("firedDateTime")),
            ended_at=facts.instant(essentials.get("resolvedDateTime")),
        )
    ]


def _severity(word: str | None) -> AlertSeverity | None:
    """Sev0 is critical, Sev1 an error, Sev2 a warning, Sev3 and Sev4 information."""
    order = ("critical", "error", "warning", "info", "info")
    number = (word or "")[-1:]
    return facts.severity(order[int(number)]) if number.isdecimal() and int(number) < len(order) else None
