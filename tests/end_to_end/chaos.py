"""Nothing lost and nothing twice, whatever dies: `python -m tests.end_to_end.chaos --seconds 60`.

Writers, three receivers of webhooks (slow, failing half the time, going away and coming back), twenty followers of the
stream that drop and resume and two that pull, over two API processes and two workers. Each of these is killed again
and again, and PostgreSQL once. Then what everybody got is held against the tables.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.users.models import User
from helpdesk_api.installation import install_wiring
from tests.end_to_end.disasters import WORKER, Ground, Mortal, ground, token_of, until_ready
from tests.end_to_end.subscribers import Endpoint, Hook, Puller, StreamClient, Subscriber
from tests.end_to_end.verdict import Sight, Verdict, judge
from tests.end_to_end.writers import Told, Writer
from tests.factories.records import make_category, make_team, make_user

logger = logging.getLogger(__name__)
READY_SECONDS = 240.0
# After the last disaster: the longest lease, a receiver's pause and the rest of the queues.
DRAIN_SECONDS = 240.0
WRITERS = 4
DEATHS = 2
STANDSTILL_SECONDS = 30.0
PACE_SECONDS = 0.5
_FEW_TYPES = frozenset({"ticket.created", "comment.created", "ticket.resolved"})
_WAITING = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'"
_UNNUMBERED = "SELECT count(*) FROM events WHERE sequence IS NULL"
_PUT_OFF = """
    SELECT d.id, d.webhook_id FROM webhook_deliveries d
    WHERE d.state IN ('pending', 'dead') AND d.leased_by IS NULL
      AND (d.next_attempt_at IS NULL OR d.next_attempt_at > now() + interval '1 second')
"""


@dataclass
class Cast:
    """Who takes part."""

    tokens: dict[str, str] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """The figures of a run."""

    verdict: Verdict
    told: Told
    kills: dict[str, int]
    endings: dict[str, list[int]]
    connections: int
    problems: list[str]
    seconds: float
    drained_in: float

    def wrong(self) -> list[str]:
        """Empty when all is well. A database that is away is 503, and so never a defect."""
        defects = [code for code in (*self.told.refused, *self.problems) if code.endswith("internal_error")]
        endings = [f"{name} ended by itself: {codes}" for name, codes in self.endings.items()]
        return [*self.verdict.wrong, *endings, *sorted(set(defects))]


def run(folder: Path, *, seconds: float, pace: float = PACE_SECONDS) -> Outcome:
    """In a folder that PostgreSQL's own user can reach. The disasters take so long; the rest comes on top."""
    began = time.monotonic()
    with ground(folder) as below:
        for mortal in below.mortals:
            mortal.start()
        return asyncio.run(_run(below, seconds, pace, began))


async def _run(below: Ground, seconds: float, pace: float, began: float) -> Outcome:
    cast = await _cast(below)
    await asyncio.gather(*[until_ready(url) for url in below.urls()])
    return await Chaos(below, cast, pace).run(seconds, began)


class Chaos:
    """One run."""

    def __init__(self, below: Ground, cast: Cast, pace: float) -> None:
        self._below, self._cast, self._pace = below, cast, pace
        self._told = Told()
        self._began = time.monotonic()
        self._hooks = [
            self._hook("slow", "admin", is_ordered=True),
            self._hook("failing", "agent north"),
            self._hook("restarting", "admin", types=_FEW_TYPES),
            self._hook("restarting-own", "requester north", is_ordered=True),
        ]
        self._endpoints = [
            Endpoint(self._hooks[:1], pause=0.03),
            Endpoint(self._hooks[1:2], failing=0.5),
            Endpoint(self._hooks[2:], pause=0.01),
        ]
        who = ["admin"] * 6 + ["agent north"] * 5 + ["requester north"] * 5 + ["requester south"] * 2
        self._streams = [StreamClient(f"stream {n}", one, cast.tokens[one]) for n, one in enumerate(who)]
        self._streams += [
            StreamClient("stream of few types", "admin", cast.tokens["admin"], _FEW_TYPES),
            StreamClient("stream of own comments", "requester south", cast.tokens["requester south"], _FEW_TYPES),
        ]
        self._pullers = [Puller(f"pull {one}", one, cast.tokens[one]) for one in ("admin", "requester south")]

    def _hook(self, name: str, who: str, *, is_ordered: bool = False, types: frozenset[str] | None = None) -> Hook:
        return Hook(name, who, self._cast.tokens[who], types, is_ordered=is_ordered)

    @property
    def _subscribers(self) -> list[Subscriber]:
        return [*self._hooks, *self._streams, *self._pullers]

    async def run(self, seconds: float, began: float) -> Outcome:
        calm, done, silent = asyncio.Event(), asyncio.Event(), asyncio.Event()
        async with AsyncExitStack() as stack:
            for endpoint in self._endpoints:
                await endpoint.open()
                stack.callback(endpoint.close)
            base = await self._subscribe()
            async with asyncio.TaskGroup() as group:
                for one in self._streams:
                    group.create_task(one.follow(self._below.urls(), done, patiently=calm.is_set))
                await self._until(self._all_follow, "all follow")
                for puller in self._pullers:
                    group.create_task(puller.pull(self._below.urls(), done))
                writers = [group.create_task(writer.write(silent)) for writer in self._writers()]
                await self._disasters(seconds)
                silent.set()
                calm.set()
                for endpoint in self._endpoints:
                    endpoint.calm()
                logger.info("the writers come to an end")
                await asyncio.wait(writers)
                ended = time.monotonic()
                await self._drain()
                drained_in = time.monotonic() - ended
                done.set()
        verdict = await self._judge(base)
        return Outcome(
            verdict,
            self._told,
            {one.name: one.kills for one in self._below.mortals},
            {one.name: one.endings for one in self._below.mortals if one.endings},
            sum(one.connections for one in self._streams),
            [problem for one in self._subscribers for problem in one.problems],
            time.monotonic() - began,
            drained_in,
        )

    async def _all_follow(self) -> bool:
        return all(one.reading.last_id for one in self._streams)

    def _writers(self) -> list[Writer]:
        cast, found = self._cast, []
        for number in range(WRITERS):
            team = ("north", "south")[number % 2]
            people = cast.tokens[f"requester {team}"], cast.tokens[f"agent {team}"]
            found.append(Writer(self._below.urls(), self._told, *people, cast.categories[team], self._pace))
        return found

    async def _subscribe(self) -> int:
        """Hooks are made, everything up to here is numbered. Returns the place in the log from which all is due."""
        urls = self._below.urls()
        endpoint_of = dict(zip([hook.name for hook in self._hooks], [0, 1, 2, 2], strict=True))
        async with httpx.AsyncClient(timeout=30) as client:
            for hook in self._hooks:
                url = self._endpoints[endpoint_of[hook.name]].url(hook)
                body = {"url": url, "is_ordered": hook.is_ordered, "event_types": sorted(hook.types or ())}
                reply = await client.post(f"{urls[0]}/v1/webhooks", json=body, headers=hook.headers)
                assert reply.status_code == 201, reply.text
                hook.id, hook.secret = reply.json()["id"], reply.json()["secret"]

            async def numbered() -> bool:
                return not await self._count(_UNNUMBERED)

            await self._until(numbered, "the log is numbered")
            for puller in self._pullers:
                reply = await client.get(f"{urls[0]}/v1/events", params={"limit": 200}, headers=puller.headers)
                puller.cursor = reply.json()["complete_through"]
        return await self._count("SELECT last_sequence FROM outbox_state")

    async def _disasters(self, seconds: float) -> None:
        """One death after the other, each in turn, at no particular moment of a life; PostgreSQL's in the middle.

        On a machine that is busy with other things it goes on until each has died twice, and waits with the next death
        until something was written since the last one.
        """
        chance, began = random.Random(7), time.monotonic()
        waiting, postgres = self._shuffled(chance), False
        while (passed := time.monotonic() - began) < seconds or min(one.kills for one in self._below.mortals) < DEATHS:
            if not postgres and passed > seconds / 2:
                postgres = True
                logger.info("%.1f s: restart PostgreSQL", passed)
                self._below.restart_postgres()
            waiting = waiting or self._shuffled(chance)
            mortal = waiting.pop()
            logger.info("%.1f s: kill %s", passed, mortal.name)
            mortal.kill()
            if chance.random() < 0.5:
                self._endpoints[2].close()
                await asyncio.sleep(0.3)
                await self._endpoints[2].open()
            await asyncio.sleep(chance.uniform(0.6, 1.8))
            await self._some_writes()
            for mortal in self._below.mortals:
                mortal.look()

    async def _some_writes(self) -> None:
        before, deadline = self._told.count(), time.monotonic() + STANDSTILL_SECONDS
        while self._told.count() < before + WRITERS and time.monotonic() < deadline:  # noqa: ASYNC110 - others write
            await asyncio.sleep(0.05)

    def _shuffled(self, chance: random.Random) -> list[Mortal]:
        found = list(self._below.mortals)
        chance.shuffle(found)
        return found

    async def _drain(self) -> None:
        """As whoever runs it would: what waits for its next attempt for minutes is posted again by hand."""

        async def drained() -> bool:
            for mortal in self._below.of(WORKER):
                mortal.look()
            if await self._count(_UNNUMBERED):
                return False
            await self._redeliver()
            if await self._count(_WAITING):
                return False
            last = await self._last_events()
            return all(last[one.name] in ([], [event["id"] for event in one.got[-1:]]) for one in self._followers())

        await self._until(drained, "everything is delivered", seconds=DRAIN_SECONDS)

    def _followers(self) -> list[StreamClient | Puller]:
        return [*self._streams, *self._pullers]

    async def _last_events(self) -> dict[str, list[str]]:
        """The last event that each follower must get before it may leave."""
        found: dict[str, list[str]] = {}
        connection = await self._connect()
        try:
            rows = await connection.fetch(
                "SELECT e.id, e.type, e.visibility, t.team_id, t.requester_id FROM events e"
                " LEFT JOIN tickets t ON t.id = e.ticket_id ORDER BY e.sequence DESC LIMIT 200"
            )
        finally:
            await connection.close()
        for one in self._followers():
            sight = self._cast.sights[one.who]
            mine = (row["id"] for row in rows if sight.covers(row) and (one.types is None or row["type"] in one.types))
            found[one.name] = [public_id("evt", event) for event in mine][:1]
        return found

    async def _redeliver(self) -> None:
        connection = await self._connect()
        try:
            rows = await connection.fetch(_PUT_OFF)
        finally:
            await connection.close()
        hooks = {hook.id: hook for hook in self._hooks}
        async with httpx.AsyncClient(base_url=self._below.urls()[0], timeout=30) as client:
            for row in rows:
                hook = hooks[public_id("whk", row["webhook_id"])]
                path = f"/v1/webhooks/{hook.id}/deliveries/{public_id('whd', row['id'])}/redeliver"
                with suppress(httpx.TransportError):
                    await client.post(path, headers=hook.headers)

    async def _judge(self, base: int) -> Verdict:
        connection = await self._connect()
        try:
            return await judge(
                connection, base=base, sights=self._cast.sights, subscribers=self._subscribers, told=self._told
            )
        finally:
            await connection.close()

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(self._below.url.replace("postgresql+asyncpg://", "postgresql://", 1))

    async def _count(self, statement: str) -> int:
        connection = await self._connect()
        try:
            return int(await connection.fetchval(statement) or 0)
        finally:
            await connection.close()

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str, *, seconds: float = READY_SECONDS) -> None:
        logger.info("%.1f s: until %s", time.monotonic() - self._began, what)
        deadline = time.monotonic() + seconds
        while not await holds():
            if time.monotonic() > deadline:
                logs = "\n".join(one.log.read_text(errors="replace")[-1500:] for one in self._below.mortals)
                message = f"not within {seconds:.0f} s: {what}\n{logs}"
                raise AssertionError(message)
            await asyncio.sleep(0.1)


async def _cast(below: Ground) -> Cast:
    """Two teams with an agent and a requester each, and an administrator; nobody moves during the run."""
    install_wiring(below.settings)
    database, cast, people = Database(below.url), Cast(), dict[str, User]()
    try:
        people["admin"] = await make_user(database, role=Role.ADMIN)
        cast.sights["admin"] = Sight()
        for name in ("north", "south"):
            team = await make_team(database)
            people[f"agent {name}"] = await make_user(database, role=Role.AGENT, teams=[team])
            people[f"requester {name}"] = requester = await make_user(database)
            cast.sights |= {f"agent {name}": Sight(team=team.id), f"requester {name}": Sight(requester=requester.id)}
            cast.categories[name] = public_id("cat", (await make_category(database, team_id=team.id)).id)
        cast.tokens = {name: await token_of(database, user) for name, user in people.items()}
    finally:
        await database.dispose()
    return cast


def report(outcome: Outcome) -> str:
    verdict, told = outcome.verdict, outcome.told
    lines = [
        f"{verdict.events} events of {len(told.tickets)} tickets; {outcome.connections} connections of 20 streams",
        f"{verdict.posted} posted, {verdict.posted_again} of them again under the same id",
        f"kills: {outcome.kills}; ended by themselves: {outcome.endings or 'none'}",
        f"requests without an answer: {told.lost}; refused: {dict(told.refused)}",
        f"told to readers: { {code: outcome.problems.count(code) for code in sorted(set(outcome.problems))} }",
        f"took {outcome.seconds:.0f} s, {outcome.drained_in:.1f} s of them to deliver what was left",
    ]
    return "\n".join([*lines, *(f"WRONG: {one}" for one in outcome.wrong())])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the disasters last")
    parser.add_argument("--pace", type=float, default=PACE_SECONDS, help="seconds between two acts of a writer")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the logs, in the temporary one")
    arguments = parser.parse_args()
    logging.getLogger("tests").setLevel(logging.INFO)
    folder = Path(tempfile.mkdtemp(prefix="helpdesk-chaos-"))
    folder.chmod(0o755)
    try:
        outcome = run(folder, seconds=arguments.seconds, pace=arguments.pace)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{report(outcome)}\n")
    return 1 if outcome.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
