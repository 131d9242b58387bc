"""The recipes of the guide for integrators, copied out of it and run as they stand against the served product."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from standardwebhooks import Webhook

from helpdesk_api.config import Settings
from helpdesk_api.demo_accounts import DEMO_SIGN_INS
from tests.domains.alerts.real_bodies import MATERIAL
from tests.domains.webhooks import javascript
from tests.end_to_end.documents import blocks, chapter, end_group, stops, walk
from tests.end_to_end.served import Served, free_port

GUIDE = Path(__file__).parents[2] / "openapi" / "README.md"
START = "Before you start"
ADDRESS, PORT = "http://127.0.0.1:8000", "PORT=9000"
SECRET, OTHER_SECRET = "whsec_" + "AAAA" * 8, "whsec_" + "BBBB" * 8
PATIENCE_SECONDS = 60.0
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def product(product: Served) -> Served:
    await_the_log(product)
    return product


def await_the_log(product: Served) -> None:
    """Until every ticket of before is in it: a webhook is told of all that is numbered after it was made."""
    email, password = DEMO_SIGN_INS["admin"]
    with httpx.Client(base_url=product.url, timeout=PATIENCE_SECONDS) as client:
        token = client.post("/v1/sessions", json={"email": email, "password": password}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        tickets = client.get("/v1/tickets", params={"limit": 1, "include_total": True}).json()["total"]
        told, params = 0, {"type": "ticket.created", "limit": "200"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while told < tickets:
            page = client.get("/v1/events", params=params).json()
            told += len(page["data"])
            if not page["data"]:
                assert time.monotonic() < deadline, "the log does not catch up"
                time.sleep(0.2)
            params["after"] = page["complete_through"]


def follow(product: Served, title: str, folder: Path, *names: str) -> list[str]:
    """Do what a recipe says, its programs lying in the folder. Gives the values that its variables then have."""
    port = free_port()
    for program in re.finditer(
        r"^```\w+\n(?:#|//) ([a-z]+\.(?:py|ts))\n.*?^```$", chapter(GUIDE, title), re.MULTILINE | re.DOTALL
    ):
        (folder / program[1]).write_text(program[0].split("\n", 1)[1].removesuffix("```"), encoding="utf-8")
    way = stops(chapter(GUIDE, START)) + stops(chapter(GUIDE, title))
    commands = ["set -e"]
    for stop in way:
        text = "\n".join(stop.commands)
        commands.append(text.replace(ADDRESS, product.url).replace(PORT, f"PORT={port}"))
    printed = walk([*commands, *(f'echo "${name}"' for name in names)], folder)
    for stop, output in zip(way, printed[1:], strict=False):
        assert output.splitlines() == stop.expected, stop.commands
    return [value.removesuffix("\n") for value in printed[len(commands) :]]


def block(title: str, language: str) -> str:
    [found] = [text for name, text in blocks(chapter(GUIDE, title)) if name == language]
    return found


def signed_in(product: Served, role: str = "admin") -> httpx.Client:
    address, password = DEMO_SIGN_INS[role]
    reply = httpx.post(f"{product.url}/v1/sessions", json={"email": address, "password": password})
    token = reply.raise_for_status().json()["access_token"]
    return httpx.Client(base_url=product.url, headers={"Authorization": f"Bearer {token}"}, timeout=60.0)


def alerts_of(product: Served, name: str) -> list[dict[str, Any]]:
    """The newest first."""
    with signed_in(product) as admin:
        listed = admin.get("/v1/alert-integrations", params={"limit": 200}).json()["data"]
        [mine] = [one["id"] for one in listed if one["name"] == name]
        found: list[dict[str, Any]] = admin.get("/v1/alerts", params={"integration_id": mine, "limit": 200}).json()[
            "data"
        ]
        return found


def alertmanager_bodies() -> list[dict[str, Any]]:
    """Captured ones, where they are; else one that fires and ends."""
    captured = MATERIAL / "alertmanager" / "disk_and_instance.jsonl"
    if captured.exists():
        return [json.loads(json.loads(line)["body"]) for line in captured.read_text(encoding="utf-8").splitlines()]
    alert = {"labels": {"alertname": "InstanceDown"}, "startsAt": "2026-03-02T08:00:00Z", "fingerprint": "0a1b2c3d4e5f"}
    return [
        {"version": "4", "groupKey": "{}", "status": status, "alerts": [{**alert, "status": status, "endsAt": ends}]}
        for status, ends in (("firing", "0001-01-01T00:00:00Z"), ("resolved", "2026-03-02T09:00:00Z"))
    ]


def test_alertmanager(product: Served, tmp_path: Path) -> None:
    [key] = follow(product, "Alertmanager", tmp_path, "ROUTING_KEY")
    text = block("Alertmanager", "yaml").replace("ROUTING_KEY", key)
    if amtool := shutil.which("amtool"):
        (tmp_path / "alertmanager.yml").write_text(text)
        subprocess.run([amtool, "check-config", tmp_path / "alertmanager.yml"], check=True, capture_output=True)
    config = yaml.safe_load(text)
    [receiver] = [one for one in config["receivers"] if one["name"] == config["route"]["receiver"]]
    [hook] = receiver["webhook_configs"]
    assert hook["send_resolved"] is True
    url = hook["url"].replace(ADDRESS, product.url)
    credentials = hook["http_config"]["authorization"]["credentials"]
    last: dict[str, str] = {}
    for body in alertmanager_bodies():
        reply = httpx.post(url, json=body, headers={"Authorization": f"Bearer {credentials}"}, timeout=60.0)
        assert reply.status_code == 202, reply.text
        last |= {one["fingerprint"]: one["status"] for one in body["alerts"]}
    states: dict[str, str] = {}
    for alert in alerts_of(product, "Prometheus"):
        states.setdefault(alert["dedup_key"], alert["state"])
    assert {key: states[key] for key in last} == {
        key: "resolved" if status == "resolved" else "open" for key, status in last.items()
    }
    assert httpx.post(url, json={}, headers={"Authorization": "Bearer 0"}).status_code == 401


def test_grafana(product: Served, tmp_path: Path) -> None:
    [key] = follow(product, "Grafana", tmp_path, "ROUTING_KEY")
    [point] = yaml.safe_load(block("Grafana", "yaml").replace("ROUTING_KEY", key))["contactPoints"]
    [receiver] = point["receivers"]
    settings = receiver["settings"]
    assert (receiver["type"], settings["httpMethod"], receiver["disableResolveMessage"]) == ("webhook", "POST", False)
    reply = httpx.post(
        settings["url"].replace(ADDRESS, product.url),
        json={"status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "Test"}}]},
        headers={"Authorization": f"{settings['authorization_scheme']} {settings['authorization_credentials']}"},
        timeout=60.0,
    )
    assert reply.status_code == 202, reply.text
    assert [alert["state"] for alert in alerts_of(product, "Grafana")] == ["open", "resolved"]


# What Zabbix puts in the place of each macro when an interface goes down.
MACROS = {
    "{EVENT.ID}": "4711",
    "{EVENT.SOURCE}": "0",
    "{EVENT.VALUE}": "1",
    "{EVENT.UPDATE.STATUS}": "0",
    "{EVENT.UPDATE.ACTION}": "{EVENT.UPDATE.ACTION}",
    "{USER.USERNAME}": "{USER.USERNAME}",
    "{EVENT.NSEVERITY}": "4",
    "{EVENT.TAGSJSON}": '[{"tag":"component","value":"network"}]',
    "{HOST.NAME}": "sw-core-1",
    "{TRIGGER.ID}": "13926",
    "{ALERT.SUBJECT}": "Problem: Interface eth0: Link down",
    "{ALERT.MESSAGE}": "Problem started at 09:12:44 on 2026.03.02",
}


def zabbix(product: Served, key: str, **changed: str) -> "subprocess.CompletedProcess[str]":
    """The media type runs, with the parameters of the guide's table. `changed` are parameters."""
    text = block("Zabbix", "javascript")
    # Zabbix's engine knows no more than ECMAScript 5.
    assert re.search(r"\b(let|const|class)\b|=>|`", text) is None
    parameters = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|$", chapter(GUIDE, "Zabbix"), flags=re.MULTILINE))
    for name, value in parameters.items():
        parameters[name] = MACROS[value] if value.startswith("{") else value.replace(ADDRESS, product.url)
    parameters |= {"routing_key": parameters["routing_key"].replace("ROUTING_KEY", key)} | changed
    given = json.dumps(parameters)
    if engine := shutil.which("zabbix_js"):
        with tempfile.NamedTemporaryFile("w", suffix=".js", encoding="utf-8") as script:
            script.write(text)
            script.flush()
            return _run([engine, "-s", script.name, "-p", given])
    # What Zabbix's engine offers to a script, by Node.
    return _run(
        [javascript.tool("node"), str(Path(__file__).with_name("zabbix_request.js"))], json.dumps([text, given])
    )


def _run(command: list[str], given: str = "") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    done.stdout = done.stdout.strip()
    return done


def test_zabbix(product: Served, tmp_path: Path) -> None:
    [key] = follow(product, "Zabbix", tmp_path, "ROUTING_KEY")
    opened = zabbix(product, key)
    assert re.fullmatch(r"INC-\d+", opened.stdout), opened.stderr
    by, _ = DEMO_SIGN_INS["agent"]
    with signed_in(product, "agent") as agent:
        me = agent.get("/v1/me").json()["id"]
    acknowledged = zabbix(
        product, key, event_update_status="1", event_update_action="acknowledged", event_update_user=by
    )
    assert acknowledged.stdout == opened.stdout, acknowledged.stderr
    [alert] = alerts_of(product, "Zabbix")
    assert (alert["state"], alert["acknowledged_by"]) == ("acknowledged", by)
    assert (alert["labels"]["component"], alert["source"]) == ("network", "sw-core-1")
    assert zabbix(product, key, event_value="0").stdout == opened.stdout
    [alert] = alerts_of(product, "Zabbix")
    assert alert["state"] == "resolved"
    with signed_in(product) as admin:
        ticket = admin.get(f"/v1/tickets/{opened.stdout}").json()
    assert (ticket["status"], ticket["assignee_id"], key in json.dumps(ticket)) == ("resolved", me, False)
    refused = zabbix(product, "0" * 32)
    assert "Helpdesk answered 401" in refused.stdout + refused.stderr


def workflow_run(product: Served, folder: Path, key: str, run: str) -> "subprocess.CompletedProcess[str]":
    """The step that opens the ticket, in the shell that GitHub uses for `run:`."""
    [step] = [
        one
        for one in yaml.safe_load(block("A GitHub workflow", "yaml"))["jobs"]["build"]["steps"]
        if one.get("if") == "failure()"
    ]
    known = {"${{ vars.HELPDESK_URL }}": product.url, "${{ secrets.HELPDESK_KEY }}": key}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "tarnwick/ovens",
            "GITHUB_RUN_ID": run,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW": 'nightly "full"',
            **{name: known[value] for name, value in step["env"].items()},
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def test_a_github_workflow(product: Served, tmp_path: Path) -> None:
    [key] = follow(product, "A GitHub workflow", tmp_path, "HELPDESK_KEY")
    first, again, other = (workflow_run(product, tmp_path, key, run) for run in ("501", "501", "502"))
    assert re.fullmatch(r"Ticket INC-\d+\n", first.stdout), first
    assert again.stdout == first.stdout, again
    assert re.fullmatch(r"Ticket INC-\d+\n", other.stdout), other
    assert other.stdout != first.stdout
    with signed_in(product) as admin:
        [ticket] = admin.get(
            "/v1/tickets", params={"external_source": "github", "external_id": "tarnwick/ovens/501"}
        ).json()["data"]
        assert ticket["subject"] == 'nightly "full" of tarnwick/ovens failed'
    # To another caller the Idempotency-Key is as unknown as to the same one after its 24 hours.
    with signed_in(product, "agent") as agent:
        body = {"name": "GitHub", "scopes": ["tickets:write"]}
        stranger = agent.post("/v1/api-keys", json=body).json()["secret"]
    late = workflow_run(product, tmp_path, stranger, "501")
    assert (late.returncode, late.stdout) == (0, "The ticket is there already.\n")
    refused = workflow_run(product, tmp_path, "hk_live_wrong", "503")
    assert refused.returncode == 1
    assert '"status": 401' in refused.stdout


@pytest.mark.parametrize("title", ["Events by pull", "Events as they happen", "A webhook in Python"])
def test_what_python_and_curl_can_do(product: Served, tmp_path: Path, title: str) -> None:
    follow(product, title, tmp_path)


def test_a_webhook_in_typescript(product: Served, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(javascript.standard_webhooks() / "node_modules")
    follow(product, "A webhook in TypeScript", tmp_path)


@contextmanager
def receiver(language: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The guide's receiver alone: its address, and what it prints."""
    if language == "typescript":
        (folder / "node_modules").symlink_to(javascript.standard_webhooks() / "node_modules")
    title, program, name = {
        "python": ("A webhook in Python", sys.executable, "receive.py"),
        "typescript": ("A webhook in TypeScript", javascript.tool("node"), "receive.ts"),
    }[language]
    (folder / name).write_text(block(title, language), encoding="utf-8")
    port, log = free_port(), folder / "received.txt"
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "SECRET": SECRET}
    with log.open("wb") as output:
        process = subprocess.Popen([program, name], cwd=folder, env=environment, stdout=output, start_new_session=True)
    try:
        url, deadline = f"http://127.0.0.1:{port}/helpdesk", time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.post(url, json={})
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, log
    finally:
        end_group(process)
        process.wait()


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_receiver_takes_each_delivery_once_and_nothing_forged(tmp_path: Path, language: str) -> None:
    body = json.dumps({"type": "ticket.created", "ticket_id": "tkt_7", "subject": "Drucker müht sich 🎫"})
    now = datetime.now(UTC)

    def post(url: str, content: str = body, secret: str = SECRET, at: datetime = now, name: str = "whd_1") -> int:
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(name, at, body),
        }
        return httpx.post(url, content=content, headers=headers, timeout=60.0).status_code

    with receiver(language, tmp_path) as (url, log):
        assert post(url, secret=OTHER_SECRET) == 401
        assert post(url, content=body.replace("tkt_7", "tkt_8")) == 401
        assert post(url, at=now - timedelta(minutes=10)) == 401
        assert httpx.post(url, content=body).status_code == 401
        assert [post(url), post(url), post(url, name="whd_2")] == [204, 204, 204]
    assert log.read_text().splitlines() == ["ticket.created tkt_7"] * 2


def test_every_recipe_is_here() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    tested = Path(__file__).read_text(encoding="utf-8")
    assert titles[0] == START
    assert [title for title in titles[1:] if f'"{title}"' not in tested] == []
    named = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert named == {title.lower().replace(" ", "-") for title in titles[1:]}
    assert {name for name, _ in blocks(text)} == {"bash", "text", "yaml", "javascript", "python", "typescript"}
    for link in re.findall(r"\]\(([\w./]+)\)", text):
        assert (GUIDE.parent / link).exists(), link


def test_every_operation_and_setting_that_it_names_exists() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    settings = {f"HELPDESK_{name.upper()}" for name in Settings.model_fields}
    # The workflow's own.
    assert set(re.findall(r"HELPDESK_[A-Z_]*[A-Z]", text)) <= settings | {"HELPDESK_URL", "HELPDESK_KEY"}
    paths = json.loads((GUIDE.parent / "helpdesk.v1.json").read_text(encoding="utf-8"))["paths"]
    named = re.findall(r"`(GET|POST|PATCH|PUT|DELETE) (/v1/[^`?]*)", text)
    assert named
    for method, path in named:
        assert method.lower() in paths[path], f"{method} {path}"
