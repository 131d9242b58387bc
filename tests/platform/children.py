"""What the children of `test_serving.py` and `test_cli.py` do."""

import os
import signal
import sys
import time
from pathlib import Path


def broken() -> None:
    sys.exit(3)


def sound() -> None:
    return None


def deaf(ready: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(ready).touch()
    time.sleep(60)


def patient(ready: str) -> None:
    Path(ready).touch()
    time.sleep(60)


def command(arguments: list[str], folder: str, printed: list[str]) -> None:
    """`helpdesk` with these arguments, in this folder, printing into two files: what it says, and what went wrong."""
    for stream, path in zip((1, 2), printed, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    os.chdir(folder)
    sys.argv = ["helpdesk", *arguments]
    # Not by way of `command.py`, which begins to import what is here already.
    from helpdesk_api.cli import app

    app()


def tell(path: str) -> None:
    """Its process group, its name, its environment."""
    name = Path("/proc/self/comm").read_text().strip() if sys.platform == "linux" else "helpdesk-worker"
    Path(path).write_text(f"{os.getpgid(0)}\n{name}\n{sorted(os.environ)}")
