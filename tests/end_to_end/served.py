"""The product as `make run` starts it: `helpdesk serve` with a data folder and a port of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 150.0
STOP_SECONDS = 40.0


@dataclass(frozen=True)
class Served:
    """A running product; `log` is everything that it printed."""

    url: str
    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment_of(data_dir: Path, port: int, **settings: str) -> dict[str, str]:
    """Nothing of the tester's own settings; a `.env` is not read, as it lies elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HELPDESK_")}
    # The model of the extra takes seconds of a core to load, for which no test of these asks.
    ours = {"HELPDESK_DATA_DIR": str(data_dir), "HELPDESK_PORT": str(port), "HELPDESK_EMBEDDINGS": "off"}
    return {**kept, **ours, **settings}


def processes() -> dict[int, tuple[int, str]]:
    """All that have not ended, each with its parent and its name."""
    found: dict[int, tuple[int, str]] = {}
    if sys.platform == "linux":
        # To start `ps` again and again would cost more than what is waited for.
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                begin, _, rest = file.read_text().rpartition(")")
                state, parent = rest.split(maxsplit=2)[:2]
                if state != "Z":
                    found[int(file.parent.name)] = (int(parent), begin.partition("(")[2])
        return found
    command = ["ps", "-eo", "pid=,ppid=,stat=,comm="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")}


def processes_below(process_id: int) -> dict[int, str]:
    """Its children and theirs, by name: `helpdesk-api`, `helpdesk-worker`, `postgres`."""
    alive = processes()
    found: dict[int, str] = {}
    parents = {process_id}
    while parents:
        children = {child: name for child, (parent, name) in alive.items() if parent in parents}
        found |= children
        parents = set(children)
    return found


def is_alive(process_id: int) -> bool:
    """Zombies have ended."""
    return process_id in processes()


@contextmanager
def served(**settings: str) -> Iterator[Served]:
    """On a throw-away folder that PostgreSQL's own user can reach, also when the tester is root."""
    folder = Path(tempfile.mkdtemp(prefix="helpdesk-served-"))
    folder.chmod(0o755)
    data_dir, log, port = folder / "data", folder / "log", free_port()
    command = [str(Path(sys.executable).parent / "helpdesk"), "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment_of(data_dir, port, **settings), stdout=output, stderr=output
        )
    try:
        found = Served(f"http://127.0.0.1:{port}", data_dir, log, process)
        _await_ready(found)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await_ready(product: Served) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if product.process.poll() is not None:
            break
        if b"is ready" in product.log.read_bytes():
            assert httpx.get(f"{product.url}/readyz").status_code == 200
            return
        time.sleep(0.1)
    raise AssertionError(product.log.read_text())
