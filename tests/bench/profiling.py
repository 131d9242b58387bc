"""Where the time of the API process goes: cProfile round the application in this process, one request at a time.

The HTTP server is left out, and so is the start: only warm requests are counted. cProfile doubles the cost of calls of
Python functions, so read the result as shares.
"""

import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI

from helpdesk_api.database import cache
from helpdesk_api.database.session import Database
from helpdesk_api.main import create_app
from tests.bench.contenders import Desk, settings_for
from tests.bench.load import UNIQUE
from tests.bench.operations import Operation

_WARM = 100
_COUNTED = 400
_LINES = 45


def print_profiles(desk: Desk, operations: Sequence[Operation]) -> None:
    for operation in operations:
        profile = cProfile.Profile()
        seconds = asyncio.run(_run(desk, operation, profile))
        sys.stdout.write(
            f"\n== {operation.name}: {1000 * seconds / _COUNTED:.3f} ms CPU a request without the profiler\n"
        )
        stats = pstats.Stats(profile, stream=sys.stdout)
        stats.sort_stats("tottime").print_stats(_LINES)
        stats.sort_stats("cumulative").print_stats("helpdesk_api|ext/asyncio|solve_dep|_solve_gen", _LINES)


async def _run(desk: Desk, operation: Operation, profile: cProfile.Profile) -> float:
    database = Database(desk.url)
    app = create_app(settings_for(desk.url), database=database)
    cache.set_listening(listening=True)
    try:
        requests = [request.encode("latin-1") for request in desk.product_requests(operation.name)]
        await _repeat(app, requests, _WARM, 0)
        began = time.process_time()
        await _repeat(app, requests, _COUNTED, _WARM)
        seconds = time.process_time() - began
        profile.enable()
        await _repeat(app, requests, _COUNTED, _WARM + _COUNTED)
        profile.disable()
    finally:
        cache.set_listening(listening=False)
        await database.dispose()
    return seconds


async def _repeat(app: FastAPI, requests: list[bytes], times: int, first: int) -> None:
    stamp = time.time_ns()
    for number in range(first, first + times):
        unique = b"%010x" % ((stamp + number) & 0xFFFFFFFFFF)
        await _call(app, requests[number % len(requests)].replace(UNIQUE, unique))


async def _call(app: FastAPI, request: bytes) -> None:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    parts = urlsplit(target)
    headers = [(name.lower().encode(), value.strip().encode()) for name, _, value in (f.partition(":") for f in fields)]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": headers,
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.get_running_loop().create_future()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 300:
            failure = f"{method} {target} answered {message['status']}"
            raise RuntimeError(failure)

    await app(scope, receive, send)  # type: ignore[arg-type]
