"""Starts the served application on a throw-away database with demo data, and lets Schemathesis loose on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from helpdesk_api.demo import DEMO_SIGN_INS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_SECONDS = 120
# They end the caller's own access, and with it the run.
EXCLUDED = "(?i)(sign_?out|endsession|endcurrentsession|revoke|deactivate_?me|endallsessions)"
PHASES = "examples,coverage,fuzzing,stateful"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit("contract: the server ended before it was ready")
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    sys.exit(f"contract: the server was not ready after {START_SECONDS} s")


def sign_in(url: str, email: str, password: str) -> str:
    answer = httpx.post(f"{url}/v1/sessions", json={"email": email, "password": password}, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def schemathesis(url: str, token: str, reports: Path) -> int:
    seconds = os.environ.get("CONTRACT_SECONDS", "60")
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", "schemathesis.toml", "run", str(ROOT / "openapi" / "helpdesk.v1.json")),
        *("--url", url, "--header", f"Authorization: Bearer {token}"),
        *("--phases", PHASES, "--checks", "all", "--mode", "all", "--max-time", seconds),
        *("--continue-on-failure", "--request-timeout", "15", "--suppress-health-check", "all"),
        *("--exclude-operation-id-regex", EXCLUDED, "--generation-database", "none", "--output-sanitize", "true"),
        *("--report", "json", "--report-json-path", str(reports / "schemathesis.json"), "--no-color"),
        *(("--seed", os.environ["CONTRACT_SEED"]) if "CONTRACT_SEED" in os.environ else ()),
    ]
    return subprocess.run(command, cwd=HERE, check=False).returncode


def accepted_operations(report: Path) -> str:
    """How many operations ever took a valid request: far fewer than all means a run that saw only refusals."""
    rates = json.loads(report.read_text(encoding="utf-8")).get("valid_rates", {})
    never = [
        name for name, phases in rates.items() if not sum((one or {}).get("accepted", 0) for one in phases.values())
    ]
    return f"contract: {len(rates) - len(never)} of {len(rates)} operations answered 2xx; never: {', '.join(never)}"


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
        }
        server = subprocess.Popen(
            [sys.executable, "-c", "from helpdesk_api.cli import app; app()", "serve"],
            cwd=ROOT,
            env={**os.environ, **settings},
        )
        try:
            wait_until_ready(url, server)
            token = sign_in(url, *DEMO_SIGN_INS["admin"])
            reports = Path(os.environ.get("REPORT_DIR", folder))
            outcome = schemathesis(url, token, reports)
            sys.stdout.write(accepted_operations(reports / "schemathesis.json") + "\n")
            return outcome
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
