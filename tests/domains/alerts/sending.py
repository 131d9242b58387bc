"""Integrations and bodies for the tests of alerts."""

from typing import Any

import httpx

Json = dict[str, Any]
FIRING, RESOLVED = "firing", "resolved"


async def an_integration(admin: httpx.AsyncClient, **fields: Any) -> Json:
    """A new one with its key."""
    kind = fields.pop("kind", "alertmanager")
    if kind == "generic":
        fields.setdefault("mapping", {"dedup_key": "/id", "summary": "/text", "state": "/state", "labels": "/labels"})
    reply = await admin.post("/v1/alert-integrations", json={"name": "Watcher", "kind": kind, **fields})
    assert reply.status_code == 201, reply.text
    made: Json = reply.json()
    return made


def an_alert(
    name: str = "DiskFull", *, status: str = FIRING, start: str = "2026-11-23T08:35:45Z", **labels: str
) -> Json:
    """One alert as Alertmanager writes it."""
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "warning", **labels},
        "annotations": {"summary": f"{name} on {labels.get('instance', 'somewhere')}"},
        "startsAt": start,
        "endsAt": "2026-11-23T12:00:00Z" if status == RESOLVED else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.test/graph",
        "fingerprint": f"{name}-{labels.get('instance', '')}".lower(),
    }


def a_body(*alerts: Json, group: str = "{}:{}") -> Json:
    statuses = {alert["status"] for alert in alerts}
    return {
        "receiver": "helpdesk",
        "status": FIRING if FIRING in statuses else RESOLVED,
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.test",
        "version": "4",
        "groupKey": group,
        "truncatedAlerts": 0,
    }


async def send(client: httpx.AsyncClient, key: str, body: Any, **headers: str) -> httpx.Response:
    return await client.post("/v1/alert-intake", json=body, headers={"X-Routing-Key": key, **headers})


async def taken(client: httpx.AsyncClient, key: str, body: Any) -> list[Json]:
    """What became of each alert of a body that is taken."""
    reply = await send(client, key, body)
    assert reply.status_code == 202, reply.text
    found: list[Json] = reply.json()["alerts"]
    return found


def outcomes(results: list[Json]) -> list[str]:
    return [f"{one['outcome']}:{one['reason']}" if one["reason"] else one["outcome"] for one in results]


async def ticket(admin: httpx.AsyncClient, result: Json) -> Json:
    reply = await admin.get(f"/v1/tickets/{result['ticket_reference']}")
    assert reply.status_code == 200, reply.text
    found: Json = reply.json()
    return found


async def comments(admin: httpx.AsyncClient, result: Json) -> list[Json]:
    reply = await admin.get(f"/v1/tickets/{result['ticket_reference']}/comments")
    assert reply.status_code == 200, reply.text
    found: list[Json] = reply.json()["data"]
    return found
