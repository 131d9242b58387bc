"""A real Prometheus over gauges that a test sets, and two Alertmanagers that know nothing of each other."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.end_to_end.served import free_port

START_SECONDS = 30.0
_RULES = """
groups:
  - name: run
    interval: 1s
    rules:
      - alert: DiskFull
        expr: disk_free_ratio < 0.1
        labels: {severity: critical}
        annotations: {summary: "Disk of {{ $labels.host }} is full"}
"""


def binaries() -> tuple[str, str] | None:
    """Prometheus and Alertmanager, by the names of Debian or of their makers; None unless both are there."""
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return (prometheus, alertmanager) if prometheus and alertmanager else None


@dataclass
class Monitoring:
    """`gauges` are what Prometheus scrapes: the free part of each host's disk."""

    gauges: dict[str, float] = field(default_factory=dict)
    # What each Alertmanager has sent: read from its own metrics.
    alertmanagers: list[str] = field(default_factory=list)

    def sent(self) -> list[int]:
        return [_notifications(url) for url in self.alertmanagers]


def _notifications(url: str) -> int:
    for line in httpx.get(f"{url}/metrics").text.splitlines():
        if line.startswith('alertmanager_notifications_total{integration="webhook"'):
            return int(float(line.rpartition(" ")[2]))
    return 0


@contextmanager
def monitoring(intake_url: str, key: str, folder: Path) -> Iterator[Monitoring]:
    """Short intervals: a repetition every few seconds, an end within three."""
    found = binaries()
    assert found is not None
    run = Monitoring()
    with ExitStack() as stack:
        scraped = stack.enter_context(_exporter(run))
        ports = [free_port(), free_port()]
        for port in ports:
            home = folder / f"alertmanager-{port}"
            home.mkdir()
            (home / "config.yml").write_text(_alertmanager_config(intake_url, key))
            arguments = [f"--config.file={home}/config.yml", f"--storage.path={home}/data", "--cluster.listen-address="]
            stack.enter_context(_running([found[1], *arguments, f"--web.listen-address=127.0.0.1:{port}"], home))
            run.alertmanagers.append(f"http://127.0.0.1:{port}")
        home, port = folder / "prometheus", free_port()
        home.mkdir()
        (home / "rules.yml").write_text(_RULES)
        (home / "config.yml").write_text(_prometheus_config(scraped, ports, home))
        arguments = [f"--config.file={home}/config.yml", f"--storage.tsdb.path={home}/data"]
        arguments += [f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s"]
        stack.enter_context(_running([found[0], *arguments], home))
        for url in (*run.alertmanagers, f"http://127.0.0.1:{port}"):
            _await(f"{url}/-/ready")
        yield run


def _alertmanager_config(intake_url: str, key: str) -> str:
    return f"""
route: {{receiver: helpdesk, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 3s}}
receivers:
  - name: helpdesk
    webhook_configs:
      - url: {intake_url}
        send_resolved: true
        http_config: {{authorization: {{credentials: {key}}}}}
"""


def _prometheus_config(scraped: int, alertmanagers: list[int], home: Path) -> str:
    targets = ", ".join(f"'127.0.0.1:{port}'" for port in alertmanagers)
    return f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{home}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: [{targets}]}}]}}]}}
scrape_configs:
  - job_name: run
    static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]
"""


@contextmanager
def _exporter(run: Monitoring) -> Iterator[int]:
    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lines = [f'disk_free_ratio{{host="{host}"}} {free}\n' for host, free in sorted(run.gauges.items())]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("".join(lines).encode())

        def log_message(self, *_: object) -> None:
            """Prometheus asks every second."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _running(command: list[str], home: Path) -> Iterator[None]:
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    message = f"{url} did not come up"
    raise AssertionError(message)
