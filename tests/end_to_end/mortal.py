"""What the processes of `disasters.py` do, each with a log of its own; forked from what imported the product."""

import os
import socket
from pathlib import Path


def api(log: str, listener: socket.socket) -> None:
    _write_to(log)
    from helpdesk_api import api_process

    api_process.main(listener)


def worker(log: str) -> None:
    _write_to(log)
    from helpdesk_api import worker as work

    work.main()


def _write_to(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.chdir(Path(log).parent)
