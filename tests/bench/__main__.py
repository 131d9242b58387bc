"""`make bench`: what each operation costs beside a bare endpoint that sends the same statements, at two sizes.

`make bench-large`: the screens alone, at ten times these sizes, which take minutes to seed.
"""

import argparse
import asyncio
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpdesk_api.database.embedded import EmbeddedPostgres
from tests.bench import contenders
from tests.bench.alerts import print_alerts
from tests.bench.contenders import Desk
from tests.bench.latency import print_latency
from tests.bench.measuring import Contender, Measuring, ratio
from tests.bench.operations import OPERATIONS, Operation
from tests.bench.processes import Generator, Served
from tests.bench.screens import print_screens
from tests.bench.service_levels import print_service_levels
from tests.bench.suggestions import print_suggestions

GROWTH_BUDGET = 1.3
# No vacuum of its own in the middle of a round; the statistics are fresh from the seed.
_POSTGRES = {"autovacuum": "off", "checkpoint_timeout": "30min", "max_wal_size": "4GB", "shared_buffers": "512MB"}
_HEAD = (
    f"{'operation':<17}{'conn':>5}{'req/s':>8}{'p50':>7}{'p95':>7}{'p99':>7}{'stmts':>6}"
    f"{'api':>8}{'pg':>8}{'sum':>8}{'bare':>8}{'ratio':>7}{'budget':>7}{'growth':>8}"
)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...]
    connections: tuple[int, ...]
    seconds: float
    rounds: int
    operations: tuple[Operation, ...]
    only: str

    def includes(self, name: str) -> bool:
        return self.only in name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: small desks, one short round")
    parser.add_argument("--large", action="store_true", help="the screens at 100 thousand and at a million tickets")
    parser.add_argument("--profile", action="store_true", help="print where the time of the API process goes instead")
    parser.add_argument("--only", default="", help="operations whose names contain this")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one stretch")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the contenders taking turns")
    parser.add_argument("--keep", type=Path, help="a folder to keep the seeded server in for the next run")
    parser.add_argument(
        "--no-pool-reset", action="store_true", help="the bare endpoint's pool does not reset, as asyncpg's does"
    )
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    chosen = tuple(operation for operation in OPERATIONS if arguments.only in operation.name)
    if arguments.large:
        return Plan((100_000, 1_000_000), (), arguments.seconds, arguments.rounds, (), "screens")
    if arguments.quick:
        return Plan((2_000, 4_000), (1, 16), 0.2, 1, chosen, arguments.only)
    return Plan((10_000, 100_000), (1, 16), arguments.seconds, arguments.rounds, chosen, arguments.only)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="helpdesk-bench-") as name:
        # The server runs as another user when this one is root.
        Path(name).chmod(0o755)
        yield Path(name)


def _desks(server: EmbeddedPostgres, folder: Path, sizes: tuple[int, ...]) -> list[Desk]:
    empty = ""
    desks = []
    for size in sizes:
        name = f"bench_{size}"
        url = contenders.database_url(server.url, name)
        kept = folder / f"{name}.pickle"
        if not kept.exists():
            if not empty:
                empty = "bench_empty"
                contenders.bring_schema(asyncio.run(contenders.create_empty(server.url, empty)))
            began = time.perf_counter()
            world = asyncio.run(contenders.create_desk(server.url, name, size, empty))
            kept.write_bytes(pickle.dumps(world))
            _say(f"seeded {size:,} tickets in {time.perf_counter() - began:.0f} s")
        desks.append(asyncio.run(contenders.open_desk(url, size, pickle.loads(kept.read_bytes()))))
    return desks


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _measure(operation: Operation, connections: int, lanes: "Lanes", plan: Plan, measuring: Measuring) -> list[str]:
    """One operation at one number of connections: product and bare endpoint at each size, round and round."""
    pairs = [
        (
            Contender("product", product, desk.product_requests(operation.name)),
            Contender("bare", bare, desk.baseline_requests(operation.name)),
        )
        for desk, product, bare in lanes.lanes
    ]
    everybody = [contender for pair in pairs for contender in pair]
    for contender in everybody:
        measuring.warm(contender, seconds=min(0.4, plan.seconds))
    for _ in range(plan.rounds):
        measuring.round(everybody, connections=connections)
    misses = []
    for (desk, _, _), (product, bare) in zip(lanes.lanes, pairs, strict=True):
        against, growth = ratio(product, bare), ratio(product, pairs[0][0])
        statements = desk.statements(operation.name)
        _say(
            f"{operation.name:<17}{connections:>5}{product.rate():>8.0f}{product.percentile(0.5):>7.2f}"
            f"{product.percentile(0.95):>7.2f}{product.percentile(0.99):>7.2f}{statements:>6}"
            f"{product.ours():>8.3f}{product.postgres():>8.3f}{product.ours() + product.postgres():>8.3f}"
            f"{bare.ours() + bare.postgres():>8.3f}{against:>7.2f}{operation.budget:>7.1f}"
            f"{growth:>8.2f}  {desk.tickets:,}"
        )
        where = f"{operation.name}, {connections} connections, {desk.tickets:,} tickets"
        misses += [f"{where}: {against:.2f} times the bare endpoint"] if against > operation.budget else []
        misses += [f"{where}: {growth:.2f} times the smaller desk"] if growth > GROWTH_BUDGET else []
        misses += [f"{where}: {statements} statements"] if statements > operation.statements else []
    return misses


class Lanes:
    """The served contenders of every size."""

    def __init__(self, desks: list[Desk], folder: Path, *, pool_reset: bool) -> None:
        self.lanes: list[tuple[Desk, Served, Served]] = []
        for desk in desks:
            product = contenders.serve_product(desk, folder)
            self.lanes.append((desk, product, contenders.serve_baseline(desk, folder, pool_reset=pool_reset)))

    def stop(self) -> None:
        for _, product, bare in self.lanes:
            product.stop()
            bare.stop()


def _compare(server: EmbeddedPostgres, desks: list[Desk], folder: Path, plan: Plan, *, pool_reset: bool) -> int:
    with ExitStack() as stack:
        lanes = Lanes(desks, folder, pool_reset=pool_reset)
        stack.callback(lanes.stop)
        generator = stack.enter_context(Generator())
        measuring = Measuring(generator, server.process_id, seconds=plan.seconds)
        bare = lanes.lanes[0][2]
        empty = Contender("empty", bare, ["GET /empty HTTP/1.1\r\nHost: bench.test\r\n\r\n"])
        for connections in plan.connections:
            measuring.warm(empty, seconds=0.2)
            measuring.round([empty], connections=connections)
            last = empty.rounds[-1]
            _say(f"an empty FastAPI endpoint, {connections} connections: {last.rate:.0f}/s, {last.ours:.3f} ms CPU")
        _say("\nCPU in ms a request: api is our process, pg every PostgreSQL process; latencies in ms")
        _say(_HEAD)
        misses = []
        for operation in plan.operations:
            for connections in plan.connections:
                misses += _measure(operation, connections, lanes, plan, measuring)
    _say("\nOver budget:" if misses else "\nEverything is within its budget.")
    for miss in misses:
        _say(f"- {miss}")
    return 0


def main() -> int:
    arguments = _arguments()
    plan = _plan(arguments)
    began = time.perf_counter()
    with _folder(arguments.keep) as folder, EmbeddedPostgres(folder / "data", settings=_POSTGRES) as server:
        sizes = plan.sizes[:1] if arguments.profile else plan.sizes
        desks = _desks(server, folder, sizes)
        _say("the open backlog is proportional to the staff, and so the same at every size; durable settings")
        if arguments.profile:
            from tests.bench.profiling import print_profiles

            print_profiles(desks[0], plan.operations)
            return 0
        found = 0
        if plan.operations:
            found = _compare(server, desks, folder, plan, pool_reset=not arguments.no_pool_reset)
        if plan.includes("screens"):
            print_screens(desks, server.process_id, turns=5 if arguments.quick else 30)
        if plan.includes("suggestions"):
            print_suggestions(desks, server.process_id)
        if plan.includes("alerts"):
            print_alerts(desks[-1], server.process_id)
        if plan.includes("latency"):
            print_latency(desks[-1], server.process_id, seconds=3 if arguments.quick else 15)
        if plan.includes("service levels"):
            print_service_levels(desks[-1], server.process_id)
    _say(f"took {time.perf_counter() - began:.0f} s")
    return found


if __name__ == "__main__":
    sys.exit(main())
