"""Each kind's own words. These bodies are built after the senders' documented examples; captured ones stand apart."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk_api.domains.alerts.enums import AlertAction, AlertGrouping, AlertKind
from helpdesk_api.domains.alerts.errors import AlertBodyTooLarge, UnreadableAlert
from helpdesk_api.domains.alerts.facts import MAX_KEY, MAX_LABELS, AlertFact, bounded
from helpdesk_api.domains.alerts.senders import Incoming, Settings, read_alerts

MAPPING = {"summary": "/text", "dedup_key": "/id", "state": "/state", "labels": "/labels", "alerts": None}


def read(kind: AlertKind, body: Any, **headers: str) -> list[AlertFact]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    media = headers.pop("media", "application/json")
    return read_alerts(kind, Incoming(content, media, headers), Settings(mapping=MAPPING))


def test_grafana() -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "High CPU", "severity": "critical"},
        "annotations": {"summary": "CPU over 90 %"},
        "startsAt": "2026-11-23T08:00:00Z",
        "fingerprint": "c6eadffa33fcdf37",
        "silenceURL": "https://grafana.example.test/silence",
        "panelURL": "https://grafana.example.test/d/1?viewPanel=2",
        "valueString": "[ var='B' labels={} value=95 ]",
    }
    body = {"version": "1", "orgId": 1, "state": "alerting", "groupKey": "g", "status": "firing", "alerts": [alert]}
    [fact] = read(AlertKind.GRAFANA, body)
    assert (fact.dedup_key, fact.summary, fact.severity) == ("c6eadffa33fcdf37", "CPU over 90 %", "critical")
    assert fact.links == ("https://grafana.example.test/d/1?viewPanel=2",)
    assert "value=95" in fact.annotations["valueString"]


def test_azure_monitor() -> None:
    essentials = {
        "alertId": "/subscriptions/1/providers/Microsoft.AlertsManagement/alerts/b9569717",
        "alertRule": "WCUS-R2-Gen2",
        "severity": "Sev0",
        "signalType": "Metric",
        "monitorCondition": "Fired",
        "configurationItems": ["wcus-r2-gen2"],
        "firedDateTime": "2019-03-22T13:58:24.3713213Z",
    }
    body = {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": essentials, "alertContext": {}}}
    [fact] = read(AlertKind.AZURE_MONITOR, body)
    assert (fact.action, fact.summary, fact.severity, fact.source) == (
        "trigger",
        "WCUS-R2-Gen2",
        "critical",
        "wcus-r2-gen2",
    )
    essentials |= {"monitorCondition": "Resolved", "resolvedDateTime": "2019-03-22T14:03:16.2246313Z"}
    [over] = read(AlertKind.AZURE_MONITOR, body)
    assert (over.action, over.dedup_key, over.started_at) == ("resolve", fact.dedup_key, fact.started_at)


def test_datadog() -> None:
    body = {
        "alert_cycle_key": "17",
        "event_title": "[Triggered] CPU high on web-1",
        "alert_transition": "Triggered",
        "alert_priority": "P1",
        "tags": "env:prod,role:web",
        "hostname": "web-1",
        "link": "https://app.datadoghq.com/event/event?id=1",
    }
    [fact] = read(AlertKind.DATADOG, body)
    assert (fact.action, fact.dedup_key, fact.severity, fact.source) == ("trigger", "17", "critical", "web-1")
    assert fact.labels == {"env": "prod", "role": "web", "host": "web-1"}
    [over] = read(AlertKind.DATADOG, {**body, "alert_transition": "Recovered"})
    assert (over.action, over.dedup_key) == ("resolve", "17")


def test_sentry() -> None:
    event = {
        "issue_id": "1170820242",
        "title": "ReferenceError: blooopy is not defined",
        "level": "error",
        "web_url": "https://sentry.io/organizations/test-org/issues/1170820242/events/e4",
        "tags": [["browser", "Chrome 75"], ["level", "error"]],
    }
    body = {"action": "triggered", "data": {"event": event, "triggered_rule": "Very Important Alert Rule!"}}
    [fact] = read(AlertKind.SENTRY, body, **{"sentry-hook-resource": "event_alert"})
    assert (fact.dedup_key, fact.severity, fact.labels["browser"]) == ("1170820242", "error", "Chrome 75")
    issue = {"id": "1170820242", "title": event["title"], "project": {"slug": "front"}}
    [over] = read(
        AlertKind.SENTRY, {"action": "resolved", "data": {"issue": issue}}, **{"sentry-hook-resource": "issue"}
    )
    assert (over.action, over.dedup_key, over.source) == ("resolve", "1170820242", "front")
    assert read(AlertKind.SENTRY, {"action": "created", "data": {"installation": {}}}) == []


def test_uptime_kuma() -> None:
    body = {
        "heartbeat": {"monitorID": 1, "status": 0, "msg": "connect ECONNREFUSED", "time": "2026-11-23 08:00:00.000"},
        "monitor": {"id": 1, "name": "Shop", "url": "https://shop.example.test", "type": "http"},
        "msg": "[Shop] [Down] connect ECONNREFUSED",
    }
    [fact] = read(AlertKind.UPTIME_KUMA, body)
    assert (fact.action, fact.dedup_key, fact.summary, fact.severity) == ("trigger", "1", "Shop is down", "critical")
    up = {**body, "heartbeat": {"monitorID": 1, "status": 1}}
    boundary = "----x"
    form = f'--{boundary}\r\nContent-Disposition: form-data; name="data"\r\n\r\n{json.dumps(up)}\r\n--{boundary}--\r\n'
    [over] = read(AlertKind.UPTIME_KUMA, form.encode(), media=f"multipart/form-data; boundary={boundary}")
    assert (over.action, over.dedup_key) == ("resolve", "1")
    assert read(AlertKind.UPTIME_KUMA, {"heartbeat": None, "monitor": None, "msg": "Testing"}) == []


def test_statuspage() -> None:
    incident = {
        "id": "lbkhbwn21v5q",
        "name": "Virginia is for lovers",
        "status": "identified",
        "impact": "major",
        "created_at": "2026-11-23T08:00:00Z",
        "components": [{"name": "API"}],
        "incident_updates": [{"body": "A power cut."}],
    }
    [fact] = read(AlertKind.STATUSPAGE, {"page": {"id": "j2mfx"}, "incident": incident})
    assert (fact.action, fact.severity, fact.labels["components"]) == ("trigger", "error", "API")
    over = {**incident, "status": "resolved", "resolved_at": "2026-11-23T09:00:00Z"}
    [fact] = read(AlertKind.STATUSPAGE, {"page": {"id": "j2mfx"}, "incident": over})
    assert (fact.action, fact.dedup_key) == ("resolve", "lbkhbwn21v5q")
    [fact] = read(AlertKind.STATUSPAGE, {"component": {"id": "k7", "name": "API", "status": "major_outage"}})
    assert (fact.action, fact.severity) == ("trigger", "critical")


def test_cloudevents_structured_and_binary() -> None:
    event = {
        "specversion": "1.0",
        "id": "A234-1234",
        "source": "/sensors/tn-1234567",
        "type": "com.example.disk.full",
        "subject": "disk1",
        "data": {"summary": "Disk 1 is full", "severity": "critical", "labels": {"room": "4"}},
    }
    [fact] = read(AlertKind.CLOUDEVENTS, event, media="application/cloudevents+json")
    assert (fact.dedup_key, fact.summary, fact.labels["room"]) == ("/sensors/tn-1234567 disk1", "Disk 1 is full", "4")
    headers = {f"ce-{name}": str(event[name]) for name in ("specversion", "id", "source", "subject")}
    [binary] = read(AlertKind.CLOUDEVENTS, event["data"], **headers, **{"ce-type": "com.example.disk.full"})
    assert (binary.dedup_key, binary.summary, binary.action) == (fact.dedup_key, fact.summary, "trigger")
    [over] = read(AlertKind.CLOUDEVENTS, {}, **headers, **{"ce-type": "com.example.disk.resolved"})
    assert (over.action, over.dedup_key) == ("resolve", fact.dedup_key)
    batch = read(AlertKind.CLOUDEVENTS, [event, event], media="application/cloudevents-batch+json")
    assert len(batch) == 2
    with pytest.raises(UnreadableAlert):
        read(AlertKind.CLOUDEVENTS, {"specversion": "0.3"})


def test_icinga_in_each_form() -> None:
    words = {"HOSTNAME": "h", "SERVICENAME": "disk /", "SERVICESTATE": "CRITICAL", "NOTIFICATIONTYPE": "PROBLEM"}
    forms = [
        (json.dumps(words).encode(), "application/json"),
        ("&".join(f"{name}={worth}" for name, worth in words.items()).encode(), "application/x-www-form-urlencoded"),
        ("\n".join(f"{name}={worth}" for name, worth in words.items()).encode(), "application/x-www-form-urlencoded"),
        ("\n".join(f"NAGIOS_{name}={worth}" for name, worth in words.items()).encode(), "text/plain"),
    ]
    for content, media in forms:
        [fact] = read(AlertKind.ICINGA, content, media=media)
        assert (fact.action, fact.dedup_key, fact.severity) == ("trigger", "h!disk /", "critical")
    for kind, action in (("RECOVERY", "resolve"), ("ACKNOWLEDGEMENT", "acknowledge")):
        said = {**words, "NOTIFICATIONTYPE": kind, "NOTIFICATIONAUTHORNAME": "a@example.test"}
        [fact] = read(AlertKind.ICINGA, said)
        assert (fact.action, fact.by) == (action, "a@example.test" if action == "acknowledge" else None)
    assert read(AlertKind.ICINGA, {**words, "NOTIFICATIONTYPE": "FLAPPINGSTART"}) == []


def test_a_generic_list() -> None:
    mapping = {**MAPPING, "alerts": "/items", "resolved_when": ["gone"]}
    items = [{"id": 1, "text": "One"}, {"id": 2, "text": "Two", "state": "GONE", "labels": {"a": [1, 2], "b": None}}]
    facts = read_alerts(AlertKind.GENERIC, Incoming(json.dumps({"items": items}).encode()), Settings(mapping=mapping))
    assert [(fact.action, fact.dedup_key) for fact in facts] == [("trigger", "1"), ("resolve", "2")]
    assert facts[1].labels == {"a": "1, 2"}


def test_a_group_that_ends_began_with_its_last_alert() -> None:
    alerts = [{"status": "resolved", "labels": {"n": str(n)}, "startsAt": f"2026-11-23T0{n}:00:00Z"} for n in (8, 9)]
    body = {"status": "resolved", "groupKey": "g", "alerts": alerts, "commonLabels": {}}
    incoming = Incoming(json.dumps(body).encode())
    [fact] = read_alerts(AlertKind.ALERTMANAGER, incoming, Settings(grouping=AlertGrouping.GROUP))
    assert (fact.action, fact.dedup_key) == (AlertAction.RESOLVE, "g")
    assert fact.started_at is not None
    assert fact.started_at.hour == 9


HOSTILE: list[bytes] = [
    b"",
    b"\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"text"',
    b"{}",
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"alerts": null}',
    b'{"alerts": [null, 1, []]}',
    b'{"alerts": [{"labels": [], "annotations": 3, "startsAt": {}, "fingerprint": {}}]}',
    b'{"alerts": [{"labels": {"a": NaN}}]}',
    b'{"data": [], "incident": [], "heartbeat": [], "text": 1e999}',
    b'{"text": ' + b"9" * 5_000 + b"}",
    b'{"text": "\\ud800", "id": "\\u0000", "message": "\\ud800", "alerts": [{"labels": {"a": "\\udfff\\u0000"}}]}',
    b'{"event_id": true, "alert_subject": ["x"], "event_tags": "{[", "HOSTNAME": "\\u0000"}',
    b'{"Type": "Notification", "TopicArn": "a", "Message": "[[["}',
    b'{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"severity": "Sev\xc2\xb2"}}}',
]


@pytest.mark.parametrize("kind", list(AlertKind))
def test_hostile_bodies_are_read_or_refused(kind: AlertKind) -> None:
    for body in HOSTILE:
        for media in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=\xff"):
            try:
                facts = read(kind, body, media=media)
            except (UnreadableAlert, AlertBodyTooLarge):
                continue
            for fact in map(bounded, facts):
                assert "\x00" not in json.dumps([dict(fact.labels), fact.summary, fact.dedup_key], ensure_ascii=False)
                assert len(fact.dedup_key or "") <= MAX_KEY
                assert len(fact.labels) <= MAX_LABELS
                fact.summary.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
_NAMES = (
    "alerts",
    "labels",
    "annotations",
    "status",
    "data",
    "event",
    "essentials",
    "incident",
    "component",
    "heartbeat",
    "monitor",
    "message",
    "text",
    "id",
    "state",
    "event_action",
    "payload",
    "tags",
    "startsAt",
    "Type",
    "TopicArn",
    "Message",
    "event_id",
    "event_tags",
    "HOSTNAME",
    "HOSTSTATE",
    "specversion",
    "source",
    "type",
    "title",
    "schemaId",
)


@settings(max_examples=60, deadline=None)
@given(body=st.dictionaries(st.sampled_from(_NAMES), _json, max_size=8))
def test_no_body_is_a_defect(body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    for kind in AlertKind:
        for group in AlertGrouping:
            try:
                facts = read_alerts(kind, Incoming(content), Settings(group, MAPPING))
            except (UnreadableAlert, AlertBodyTooLarge):
                continue
            for fact in facts:
                bounded(fact)
