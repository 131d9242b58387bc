"""How each kind of sender writes: pure functions from a body to facts. Unknown and absent fields are no errors."""

from collections.abc import Callable, Mapping
from typing import Final

from helpdesk_api.domains.alerts.enums import AlertKind
from helpdesk_api.domains.alerts.errors import AlertBodyTooLarge
from helpdesk_api.domains.alerts.facts import MAX_ALERTS, AlertFact
from helpdesk_api.domains.alerts.senders import (
    alertmanager,
    aws_sns,
    azure_monitor,
    cloudevents,
    datadog,
    generic,
    icinga,
    opsgenie,
    pagerduty,
    sentry,
    statuspage,
    uptime_kuma,
    zabbix,
)
from helpdesk_api.domains.alerts.senders.incoming import Incoming, Settings

Reader = Callable[[Incoming, Settings], list[AlertFact]]

READERS: Final[Mapping[AlertKind, Reader]] = {
    AlertKind.GENERIC: generic.read,
    AlertKind.ALERTMANAGER: alertmanager.read,
    AlertKind.GRAFANA: alertmanager.read_grafana,
    AlertKind.PAGERDUTY: pagerduty.read,
    AlertKind.OPSGENIE: opsgenie.read,
    AlertKind.ICINGA: icinga.read,
    AlertKind.ZABBIX: zabbix.read,
    AlertKind.AWS_SNS: aws_sns.read,
    AlertKind.AZURE_MONITOR: azure_monitor.read,
    AlertKind.DATADOG: datadog.read,
    AlertKind.SENTRY: sentry.read,
    AlertKind.UPTIME_KUMA: uptime_kuma.read,
    AlertKind.STATUSPAGE: statuspage.read,
    AlertKind.CLOUDEVENTS: cloudevents.read,
}


def read_alerts(kind: AlertKind, incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """Raises `unreadable_alert`, and `alert_body_too_large` for more than 500 alerts."""
    facts = READERS[kind](incoming, settings)
    if len(facts) > MAX_ALERTS:
        message = f"{len(facts)} alerts are more than the {MAX_ALERTS} that are taken at once."
        raise AlertBodyTooLarge(message)
    return facts


__all__ = ["Incoming", "Settings", "read_alerts"]
