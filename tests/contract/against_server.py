"""Starts the served application on a throw-away database with demo data, and lets Schemathesis loose on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

from helpdesk_api.demo import DEMO_SIGN_INS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_SECONDS = 120
# They end the caller's own access, and with it the run.
EXCLUDED = "(?i)(sign_?out|endsession|endcurrentsession|revoke|deactivate_?me|endallsessions)"
# Links first: what they make is what later requests of the same run can be about. Shares of the whole time.
RUNS = (("examples,stateful", 0.4), ("coverage,fuzzing", 0.6))


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


def schemathesis(url: str, token: str, phases: str, seconds: float, report: Path) -> int:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(HERE / "schemathesis.toml"), "run", str(ROOT / "openapi" / "helpdesk.v1.json")),
        *("--url", url, "--header", f"Authorization: Bearer {token}"),
        *("--phases", phases, "--checks", "all", "--mode", "all", "--max-time", str(max(1, round(seconds)))),
        *("--continue-on-failure", "--request-timeout", "15", "--suppress-health-check", "all"),
        *("--exclude-operation-id-regex", EXCLUDED, "--generation-database", "none", "--output-sanitize", "true"),
        *("--report", "json", "--report-json-path", str(report), "--no-color"),
        *(("--seed", os.environ["CONTRACT_SEED"]) if "CONTRACT_SEED" in os.environ else ()),
    ]
    return subprocess.run(command, cwd=HERE, check=False).returncode


def accepted(report: Path) -> dict[str, int]:
    """How often each operation took a valid request."""
    rates = json.loads(report.read_text(encoding="utf-8")).get("valid_rates", {})
    return {name: sum((one or {}).get("accepted", 0) for one in phases.values()) for name, phases in rates.items()}


def judge(url: str, token: str, reports: Path) -> int:
    total = float(os.environ.get("CONTRACT_SECONDS", "60"))
    outcome, counts = 0, Counter[str]()
    for phases, share in RUNS:
        report = reports / f"schemathesis-{phases.partition(',')[0]}.json"
        outcome |= schemathesis(url, token, phases, total * share, report)
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
