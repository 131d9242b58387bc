"""Starts the served application on a throw-away database with demo data, and lets Schemathesis loose on it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from helpdesk_api.demo import DEMO_SIGN_INS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "openapi" / "helpdesk.v1.json"
START_SECONDS = 120
# They end the caller's own access, and with it the run; or never end at all, as a stream does.
EXCLUDED = "(?i)(sign_?out|endsession|endcurrentsession|revoke|deactivate_?me|endallsessions|streamevents)"
# (phases, share of the whole time, whether path parameters are ids that exist): generated ids lead to 404s only, real
# ones past them, and links to what the run itself has made.
RUNS = (("stateful", 0.25, False), ("examples,fuzzing", 0.4, True), ("coverage", 0.35, False))


# Records with which most can still be done.
CHOSEN = {"/v1/tickets": {"status": "in_progress"}}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            show_end(log)
            sys.exit("contract: the server ended before it was ready")
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    show_end(log)
    sys.exit(f"contract: the server was not ready after {START_SECONDS} s")


def sign_in(url: str, email: str, password: str) -> str:
    answer = httpx.post(f"{url}/v1/sessions", json={"email": email, "password": password}, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def show_end(log: Path) -> None:
    sys.stdout.write("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]) + "\n")


def real_ids(document: dict[str, Any], client: httpx.Client) -> dict[str, str]:
    """For each path parameter an id that exists: the first of the list above it; people are the caller."""
    found: dict[str, str] = {}
    for path in document["paths"]:
        collection, _, parameter = path.rpartition("/{")
        node = document["paths"].get(collection, {})
        is_known = all(name in found for name in re.findall(r"{(\w+)}", collection))
        if not parameter.endswith("}") or "get" not in node or not is_known:
            continue
        place = collection.format(**found)
        rows = first_row(client, collection, place, node) or made_row(client, place, node)
        row = (rows.get("ongoing_cycle") or rows) if rows else {}
        key = "number" if parameter == "number}" else "id"
        if key in row:
            found.setdefault(parameter.removesuffix("}"), str(row[key]))
    return {**found, "user_id": client.get("/v1/me").json()["id"]}


def first_row(client: httpx.Client, collection: str, place: str, node: dict[str, Any]) -> dict[str, Any]:
    # Some lists are always one page and take no limit.
    takes_limit = any(one.get("name") == "limit" for one in node["get"].get("parameters", ()))
    limit = {"limit": 1} if takes_limit else {}
    listed = client.get(place, params={**limit, **CHOSEN.get(collection, {})})
    if listed.status_code == httpx.codes.UNAUTHORIZED:
        # A door of senders, which keys of their own open, and not a list.
        return {}
    rows = listed.raise_for_status().json().get("data", ())
    return dict(rows[0]) if rows else {}


def made_row(client: httpx.Client, place: str, node: dict[str, Any]) -> dict[str, Any]:
    """By the document's own example, where the demo has none; an example may name what does not exist."""
    content = node.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
    if content is None or "example" not in content:
        return {}
    made = client.post(place, json=content["example"])
    return dict(made.json()) if made.status_code == httpx.codes.CREATED else {}


def configuration(ids: dict[str, str], path: Path) -> Path:
    """Our settings, found from any folder, with these ids as fixed path parameters."""
    written = (HERE / "schemathesis.toml").read_text(encoding="utf-8")
    hooks = written.replace('"schemathesis_hooks.py"', json.dumps(str(HERE / "schemathesis_hooks.py")))
    lines = [f"{json.dumps(f'path.{name}')} = {json.dumps(value)}" for name, value in ids.items()]
    path.write_text("\n".join([hooks, *(["[parameters]"] if ids else []), *lines]) + "\n", encoding="utf-8")
    return path


def schemathesis(url: str, token: str, config: Path, phases: str, seconds: float, report: Path) -> int:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(config), "run", str(DOCUMENT)),
        *("--url", url, "--header", f"Authorization: Bearer {token}"),
        *("--phases", phases, "--checks", "all", "--mode", "all", "--max-time", str(max(1, round(seconds)))),
        *("--continue-on-failure", "--request-timeout", "15", "--suppress-health-check", "all"),
        *("--exclude-operation-id-regex", EXCLUDED, "--generation-database", "none", "--output-sanitize", "true"),
        *("--report", "json", "--report-json-path", str(report), "--no-color"),
        *(("--seed", os.environ["CONTRACT_SEED"]) if "CONTRACT_SEED" in os.environ else ()),
    ]
    return subprocess.run(command, cwd=report.parent, check=False).returncode


def accepted(report: Path) -> dict[str, int]:
    """How often each operation took a valid request."""
    rates = json.loads(report.read_text(encoding="utf-8")).get("valid_rates", {})
    return {name: sum((one or {}).get("accepted", 0) for one in phases.values()) for name, phases in rates.items()}


def judge(url: str, token: str, reports: Path) -> int:
    total = float(os.environ.get("CONTRACT_SECONDS", "45"))
    outcome, counts = 0, Counter[str]()
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        ids = real_ids(document, client)
    configurations = {
        True: configuration(ids, reports / "schemathesis-ids.toml"),
        False: configuration({}, reports / "schemathesis.toml"),
    }
    for phases, share, is_real in RUNS:
        report = reports / f"schemathesis-{phases.partition(',')[0]}.json"
        outcome |= schemathesis(url, token, configurations[is_real], phases, total * share, report)
        counts.update(accepted(report))
    # Far fewer than all means a run that saw only refusals, and proves little.
    never = sorted(name for name, count in counts.items() if not count)
    sys.stdout.write(f"contract: {len(counts) - len(never)} of {len(counts)} operations answered 2xx\n")
    sys.stdout.write(f"contract: never: {', '.join(never) or 'none'}\n")
    return outcome


def main() -> int:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="helpdesk-contract-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = {
            "PYTHONPATH": str(ROOT / "src"),
            "HELPDESK_ENV": "development",
            "HELPDESK_DATA_DIR": f"{folder}/data",
            "HELPDESK_PORT": str(port),
            "HELPDESK_RATE_LIMIT_PER_MINUTE": "10000000",
            "HELPDESK_PUBLIC_URL": url,
            "HELPDESK_PUBLIC_ARTICLES": "true",
        }
        log = Path(os.environ.get("REPORT_DIR", folder)).resolve() / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-c", "from helpdesk_api.cli import app; app()", "serve"],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_ready(url, server, log)
            token = sign_in(url, *DEMO_SIGN_INS["admin"])
            return judge(url, token, log.parent)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
