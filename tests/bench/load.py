"""The load generator: a process of its own, raw HTTP/1.1 over kept connections, one order a line on standard input.

An order is `{"port", "requests", "connections", "seconds"}`; the answer has the latencies in milliseconds. A general
HTTP client would cost more CPU than the server that it measures.
"""

import asyncio
import itertools
import json
import sys
import time
from typing import Any

import uvloop

UNIQUE = b"@@UNIQUE@@"
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last is complete."""

    def __init__(self, order: "Order") -> None:
        self._order = order
        self._transport: Any = None
        self._received = bytearray()
        self._expected = -1
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._order.failures.append(f"connection lost: {error}")
            self.done.set_result(None)

    def _send(self) -> None:
        request = self._order.next_request()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._expected < 0:
            end = self._received.find(_END)
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._expected = end + len(_END) + length
        if len(self._received) >= self._expected:
            self._order.latencies.append(time.perf_counter() - self._sent_at)
            if self._received[9:10] != b"2":
                self._order.failures.append(bytes(self._received[:900]).decode("utf-8", "replace"))
            self._received.clear()
            self._expected = -1
            self._send()


class Order:
    """One measured stretch: the requests round and round until the time is over."""

    _unique = itertools.count(time.time_ns())

    def __init__(self, requests: list[bytes], seconds: float) -> None:
        self._requests = itertools.cycle(requests)
        self._end = time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.failures: list[str] = []

    def next_request(self) -> bytes | None:
        if time.perf_counter() >= self._end or self.failures:
            return None
        return next(self._requests).replace(UNIQUE, b"%010x" % (next(self._unique) & 0xFFFFFFFFFF))


async def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    state = Order([request.encode("latin-1") for request in order["requests"]], order["seconds"])
    began = time.perf_counter()
    opened = [
        (await loop.create_connection(lambda: Connection(state), "127.0.0.1", order["port"]))[1]
        for _ in range(order["connections"])
    ]
    await asyncio.gather(*[connection.done for connection in opened])
    elapsed = time.perf_counter() - began
    return {
        "elapsed": elapsed,
        "latencies": [round(one * 1000, 4) for one in state.latencies],
        "failures": state.failures[:3],
    }


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(uvloop.run(carry_out(json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
