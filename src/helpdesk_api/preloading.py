"""Begins to import the product in the background, for processes that are then forked from what was imported.

Imports nothing of it itself: `command.py` begins with this, before it reads its own command line.
"""

import atexit
import multiprocessing
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from typing import Any, cast

CONTEXT = multiprocessing.get_context("forkserver")
METRICS = "PROMETHEUS_MULTIPROC_DIR"


def begin() -> None:
    """Once or again: the second time finds it running."""
    CONTEXT.set_forkserver_preload(["helpdesk_api.preloaded"])
    if METRICS in os.environ:
        forkserver.ensure_running()
        return
    # Any of the processes may be asked for /metrics: they count together, in files. The import decides how they count,
    # so it has to know; this process counts nothing.
    os.environ[METRICS] = _folder()
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[METRICS]


def end() -> None:
    """Leaves nothing behind: what the library keeps beside us would see our end by itself, but a moment later."""
    server, tracker = cast("Any", forkserver)._forkserver, cast("Any", resource_tracker)._resource_tracker  # noqa: SLF001
    if server._forkserver_pid is not None:  # noqa: SLF001
        # Not by its own leave: it may be importing still.
        with suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGTERM)  # noqa: SLF001
        server._stop()  # noqa: SLF001
        tracker._stop()  # noqa: SLF001


def _folder() -> str:
    if not _made:
        _made.append(tempfile.mkdtemp(prefix="helpdesk-metrics-"))
        atexit.register(shutil.rmtree, _made[0], ignore_errors=True)
    return _made[0]


_made: list[str] = []
