"""The words of alerts and of the integrations that they come through."""

from enum import StrEnum


class AlertKind(StrEnum):
    """What sends the alerts, and so how a body is read."""

    GENERIC = "generic"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    ICINGA = "icinga"
    ZABBIX = "zabbix"
    AWS_SNS = "aws_sns"
    AZURE_MONITOR = "azure_monitor"
    DATADOG = "datadog"
    SENTRY = "sentry"
    UPTIME_KUMA = "uptime_kuma"
    STATUSPAGE = "statuspage"
    CLOUDEVENTS = "cloudevents"


class AlertAction(StrEnum):
    """What a sender says of an alert."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class AlertState(StrEnum):
    """Where an alert stands; treat an unknown value as `open`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class AlertSeverity(StrEnum):
    """How bad the sender says that it is; treat an unknown value as `warning`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class AlertGrouping(StrEnum):
    """What makes two alerts the same one."""

    ALERT = "alert"
    GROUP = "group"


class ResolveEffect(StrEnum):
    """What the end of an alert does to its ticket."""

    NOTE = "note"
    RESOLVE = "resolve"


class AlertOutcome(StrEnum):
    """What became of one alert of a body; treat an unknown value as `dropped`."""

    OPENED = "opened"
    REPEATED = "repeated"
    REOPENED = "reopened"
    ATTACHED = "attached"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    DROPPED = "dropped"
    REJECTED = "rejected"


class DropReason(StrEnum):
    """Why nothing was done with an alert; treat an unknown value as `not_an_alert`."""

    NO_OPEN_ALERT = "no_open_alert"
    LATE = "late"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    ALREADY_RESOLVED = "already_resolved"
    NOT_AN_ALERT = "not_an_alert"
    INVALID = "invalid"
