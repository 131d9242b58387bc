"""One stretch of load after another, the contenders taking turns, with the CPU that each stretch cost."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.cpu import used_by, used_by_server
from tests.bench.processes import Generator, Served


def settle() -> None:
    """As `helpdesk serve` has it: what was imported is not looked through by the collector again and again."""
    gc.collect()
    gc.freeze()


@dataclass
class Stretch:
    """What one round gave: CPU in milliseconds a request."""

    rate: float
    ours: float
    postgres: float

    @property
    def total(self) -> float:
        return self.ours + self.postgres


@dataclass
class Contender:
    """One server with the requests it gets; the figures are medians over the rounds."""

    name: str
    served: Served
    requests: list[str]
    rounds: list[Stretch] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def rate(self) -> float:
        return median(one.rate for one in self.rounds)

    def ours(self) -> float:
        return median(one.ours for one in self.rounds)

    def postgres(self) -> float:
        return median(one.postgres for one in self.rounds)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ratio(over: Contender, under: Contender) -> float:
    """Round by round, since what else the machine does hits neighbours alike; then the median."""
    return median(a.total / b.total for a, b in zip(over.rounds, under.rounds, strict=True))


class Measuring:
    """Runs rounds against one PostgreSQL."""

    def __init__(self, generator: Generator, postmaster: int, *, seconds: float) -> None:
        self._generator = generator
        self._postmaster = postmaster
        self._seconds = seconds

    def warm(self, contender: Contender, *, seconds: float) -> None:
        self._generator.run(contender.served.port, contender.requests, connections=16, seconds=seconds)

    def round(self, contenders: Sequence[Contender], *, connections: int) -> None:
        for contender in contenders:
            contender.rounds.append(self._stretch(contender, connections))

    def _stretch(self, contender: Contender, connections: int) -> Stretch:
        process = contender.served.process.pid
        before = used_by(process), used_by_server(self._postmaster)
        answer = self._generator.run(
            contender.served.port, contender.requests, connections=connections, seconds=self._seconds
        )
        after = used_by(process), used_by_server(self._postmaster)
        count = len(answer["latencies"])
        contender.latencies += answer["latencies"]
        return Stretch(
            count / answer["elapsed"],
            1000 * (after[0] - before[0]) / count,
            1000 * (after[1] - before[1]) / count,
        )
