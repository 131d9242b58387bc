"""Icinga 2 and Nagios: the environment of a notification command, as lines, form or JSON."""

from helpdesk_api.domains.alerts import facts
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.senders.incoming import (
    MAX_FIELDS,
    Incoming,
    Settings,
    decoded,
    form,
    json_object,
    not_of,
)

_FINE = frozenset({"OK", "UP"})
_STATES = {"CRITICAL": "critical", "DOWN": "critical", "UNREACHABLE": "critical", "UNKNOWN": "warning"}


def read(incoming: Incoming, settings: Settings) -> list[AlertFact]:
    """Host and service are the key. Custom notifications, flapping and downtimes are no alerts."""
    del settings
    words = {name.upper().removeprefix("NAGIOS_"): worth for name, worth in _words(incoming).items()}
    host = facts.first(words.get("HOSTNAME"), words.get("HOST"), limit=facts.MAX_SOURCE)
    if host is None:
        kind = "Icinga or Nagios notification: it names no host"
        raise not_of(kind)
    service = facts.first(words.get("SERVICENAME"), words.get("SERVICEDESC"), words.get("SERVICE"))
    state = (facts.first(words.get("SERVICESTATE") if service else None, words.get("HOSTSTATE"), "") or "").upper()
    action = _action((words.get("NOTIFICATIONTYPE") or "").upper(), state)
    if action is None:
        return []
    output = facts.first(words.get("SERVICEOUTPUT") if service else words.get("HOSTOUTPUT"))
    shown = facts.first(words.get("HOSTDISPLAYNAME"), words.get("HOSTALIAS"), host) or host
    what = f"{service} on {shown}" if service else shown
    labels = {"host": host, "state": state, **({"service": service} if service else {})}
    if (address := facts.text(words.get("HOSTADDRESS"))) is not None:
        labels["address"] = address
    changed = words.get("LASTSERVICESTATECHANGE") if service else None
    began = facts.instant(changed or words.get("LASTSTATECHANGE"))
    return [
        AlertFact(
            action=action,
            dedup_key=facts.key(f"{host}!{service}" if service else host),
            summary=f"{what} is {state}" + (f": {output}" if output else ""),
            severity=facts.severity(_STATES.get(state), state),
            source=host,
            labels=facts.texts(labels),
            annotations=facts.texts({"output": output, "comment": words.get("NOTIFICATIONCOMMENT")}),
            # The instant of the last change is the beginning only while there is something wrong.
            started_at=began if action is AlertAction.TRIGGER else None,
            ended_at=began if action is AlertAction.RESOLVE else None,
            by=facts.text(words.get("NOTIFICATIONAUTHORNAME")) if action is AlertAction.ACKNOWLEDGE else None,
        )
    ]


def _action(kind: str, state: str) -> AlertAction | None:
    if kind == "ACKNOWLEDGEMENT":
        return AlertAction.ACKNOWLEDGE
    if kind == "RECOVERY" or (kind in {"PROBLEM", ""} and state in _FINE):
        return AlertAction.RESOLVE
    return AlertAction.TRIGGER if kind in {"PROBLEM", ""} and state else None


def _words(incoming: Incoming) -> dict[str, str]:
    if incoming.media == "application/json":
        return facts.texts(json_object(incoming))
    content = decoded(incoming)
    if incoming.media == "application/x-www-form-urlencoded" and "\n" not in content.strip():
        return form(content)
    if content.lstrip().startswith("{"):
        return facts.texts(json_object(incoming))
    lines = (line.partition("=") for line in content.splitlines()[:MAX_FIELDS])
    return {name.strip(): worth.strip() for name, found, worth in lines if found}
