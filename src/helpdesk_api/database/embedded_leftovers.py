"""What a killed PostgreSQL leaves behind, and what its pid file tells."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_STATUS_LINE = 7


def status(data: Path) -> tuple[int, str]:
    """Whose pid file it is, and `starting`, `ready`, `stopping`… from its eighth line; (0, "") without one."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[_STATUS_LINE].strip()
    except (OSError, IndexError, ValueError):
        return 0, ""


def clear_stale_pid(data: Path, patience: float) -> None:
    """After a kill the pid file stays, and its pid may be anybody's by now.

    Deleting it would switch off PostgreSQL's own check of the shared memory; naming our pid keeps that check and
    tells PostgreSQL that no other postmaster is meant. A server that is still shutting down is waited for, at most
    `patience` seconds.
    """
    path = data / "postmaster.pid"
    try:
        lines = path.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return
    process_id = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    deadline = time.monotonic() + patience
    while _serves(process_id, data) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGINT)
        time.sleep(0.1)
    if path.exists() and lines:
        path.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))


def _serves(process_id: int, data: Path) -> bool:
    """Whether this process is a postmaster of this data directory; a zombie is not."""
    if process_id <= 0:
        return False
    if sys.platform == "linux":
        try:
            arguments = Path(f"/proc/{process_id}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(data) in arguments
    done = subprocess.run(
        ["/bin/ps", "-o", "stat=,args=", "-p", str(process_id)], capture_output=True, text=True, check=False
    )
    line = done.stdout.strip()
    return bool(line) and not line.startswith("Z") and str(data) in line
