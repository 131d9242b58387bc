"""Bodies that Alertmanager, Icinga, Zabbix, Amazon and Grafana really sent, unchanged."""

import json

import httpx

from helpdesk_api.domains.alerts.enums import AlertKind
from helpdesk_api.domains.alerts.senders import Incoming, Settings, read_alerts
from helpdesk_api.domains.alerts.senders.aws_sns import confirms, is_amazons
from tests.domains.alerts.real_bodies import body_of, requests_of
from tests.domains.alerts.sending import an_integration, outcomes, ticket


async def replay(client: httpx.AsyncClient, key: str, captured: list[dict[str, object]]) -> list[list[str]]:
    told = []
    for one in captured:
        headers = {name: worth for name, worth in dict(one["headers"]).items() if name != "Content-Length"}  # type: ignore[call-overload]
        headers.pop("Authorization", None)
        headers.pop("Host", None)
        headers["X-Routing-Key"] = key
        reply = await client.post("/v1/alert-intake", content=str(one["body"]).encode(), headers=headers)
        assert reply.status_code == 202, reply.text
        told.append(outcomes(reply.json()["alerts"]))
    return told


async def test_alertmanager(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    captured = requests_of("alertmanager/disk_and_instance.jsonl")
    made = await an_integration(admin_client, on_resolve="resolve", asset_labels=["ci"])
    first = await replay(client, made["routing_key"], captured)
    assert first[0] == ["opened", "opened"]
    assert first[1] == ["repeated", "resolved"]
    listed = (await admin_client.get("/v1/alerts")).json()["data"]
    keys = {alert["dedup_key"] for alert in listed}
    assert len({alert["ticket_id"] for alert in listed}) == len(keys)
    for alert in listed:
        shown = (await admin_client.get(f"/v1/tickets/{alert['ticket_id']}")).json()
        assert shown["affected_service"] == alert["labels"]["ci"]
        assert shown["status"] == ("resolved" if alert["state"] == "resolved" else "open")


async def test_icinga(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    captured = [one for one in requests_of("icinga2/service_events.jsonl") if one["path"] == "/icinga"]
    made = await an_integration(admin_client, kind="icinga", on_resolve="resolve")
    told = [outcome for result in await replay(client, made["routing_key"], captured) for outcome in result]
    assert told[:2] == ["opened", "repeated"]
    assert set(told) <= {"opened", "repeated", "resolved", "acknowledged", "reopened", "dropped:no_open_alert"}
    listed = (await admin_client.get("/v1/alerts")).json()["data"]
    assert "srv-app-07!disk /" in {alert["dedup_key"] for alert in listed}


async def test_zabbix(admin_client: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    [captured] = requests_of("zabbix/zabbix_js_problem.jsonl")
    made = await an_integration(admin_client, kind="zabbix")
    over = {**captured, "body": captured["body"].replace('"event_value":"1"', '"event_value":"0"')}
    assert await replay(client, made["routing_key"], [captured, captured, over]) == [
        ["opened"],
        ["repeated"],
        ["resolved"],
    ]
    [alert] = (await admin_client.get("/v1/alerts")).json()["data"]
    assert (alert["dedup_key"], alert["severity"], alert["labels"]["component"]) == ("4711", "error", "network")
    shown = await ticket(admin_client, {"ticket_reference": alert["ticket_id"]})
    assert (shown["subject"], shown["affected_service"]) == ("Problem: Interface eth0: Link down", "sw-core-1")


def test_older_alertmanager_without_a_fingerprint() -> None:
    incoming = Incoming(body_of("alerta/prometheus_v4_alert.json").encode())
    [fact] = read_alerts(AlertKind.ALERTMANAGER, incoming, Settings())
    assert (fact.summary, fact.severity) == ("No things for over 10 minutes", "critical")
    assert fact.dedup_key == '{"alertname": "thing_dead", "severity": "critical"}'
    assert fact.started_at is not None
    assert fact.started_at.isoformat() == "2017-08-03T19:17:37.804000+00:00"


def test_grafana_of_before_its_unified_alerting() -> None:
    [fact] = read_alerts(
        AlertKind.GRAFANA, Incoming(body_of("alerta/grafana_alert_alerting.json").encode()), Settings()
    )
    assert (fact.action, fact.dedup_key, fact.source) == ("trigger", "7", "zeta.domain")
    [fact] = read_alerts(AlertKind.GRAFANA, Incoming(body_of("alerta/grafana_example.json").encode()), Settings())
    assert (fact.summary, fact.links[0]) == (
        "Load peaking!",
        "http://url.to.grafana/db/dashboard/my_dashboard?panelId=2",
    )


def test_an_amazon_subscription() -> None:
    incoming = Incoming(body_of("alerta/cloudwatch_subscription_confirmation.json").encode(), "text/plain")
    assert read_alerts(AlertKind.AWS_SNS, incoming, Settings()) == []
    body = json.loads(incoming.body)
    assert is_amazons(body["SigningCertURL"], path_ends=".pem")
    assert confirms(body["SubscribeURL"], body["TopicArn"])


def test_a_generic_mapping_reads_pingdom() -> None:
    mapping = {
        "dedup_key": "/check_id",
        "summary": "/long_description",
        "state": "/current_state",
        "source": "/check_params/hostname",
        "severity": "/current_state",
        "started_at": "/state_changed_timestamp",
        "labels": "/check_params",
    }
    incoming = Incoming(body_of("alerta/pingdom_down.json").encode())
    [fact] = read_alerts(AlertKind.GENERIC, incoming, Settings(mapping=mapping))
    assert (fact.action, fact.dedup_key, fact.severity) == ("trigger", "803318", "critical")
    assert (fact.source, fact.labels["port"], fact.labels["ipv6"]) == ("api.alerta.io", "80", "false")
    assert fact.started_at is not None
    assert fact.started_at.isoformat() == "2017-06-30T22:25:43+00:00"
