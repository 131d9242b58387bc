"""Begins to import the product in the background, for processes that are then forked from what was imported.

Imports nothing of it itself: `command.py` begins with this, before it reads its own command line.
"""

import atexit
import multiprocessing
import os
import shutil
import tempfile
from multiprocessing import forkserver

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


def _folder() -> str:
    if not _made:
        _made.append(tempfile.mkdtemp(prefix="helpdesk-metrics-"))
        atexit.register(shutil.rmtree, _made[0], ignore_errors=True)
    return _made[0]


_made: list[str] = []
