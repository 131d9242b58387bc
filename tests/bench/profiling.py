"""Where the time of the API process goes: cProfile round uvicorn, one operation after another."""

import pstats
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.contenders import Desk, serve_product
from tests.bench.operations import Operation
from tests.bench.processes import Generator

_SECONDS = 6.0
_LINES = 40


def print_profiles(desk: Desk, folder: Path, operations: Sequence[Operation]) -> None:
    """By own time, then by cumulative time; cProfile doubles the cost of Python calls, so read it as shares."""
    for operation in operations:
        path = folder / "profile.out"
        served = serve_product(desk, folder, under=["-m", "cProfile", "-o", str(path)])
        requests = desk.product_requests(operation.name)
        with Generator() as generator:
            answer = generator.run(served.port, requests, connections=8, seconds=_SECONDS)
        # After SIGTERM uvicorn ends by that signal, before a profile could be written.
        served.stop(signal.SIGINT)
        sys.stdout.write(f"\n== {operation.name}: {len(answer['latencies'])} requests\n")
        stats = pstats.Stats(str(path), stream=sys.stdout)
        stats.sort_stats("tottime").print_stats(_LINES)
        stats.sort_stats("cumulative").print_stats(r"helpdesk_api|fastapi|sqlalchemy|starlette", _LINES)
