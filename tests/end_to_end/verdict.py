"""What every subscriber should have got, out of the tables alone, against what each got."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from helpdesk_api.database.ids import public_id
from tests.end_to_end.subscribers import Hook, Puller, StreamClient, Subscriber
from tests.end_to_end.writers import SECRET, Told

_LOG = """
    SELECT e.id, e.sequence, e.type, e.visibility, t.team_id, t.requester_id
    FROM events e LEFT JOIN tickets t ON t.id = e.ticket_id ORDER BY e.sequence, e.position
"""
_TOLD = {
    "tickets": "SELECT id FROM tickets",
    "comments": "SELECT id FROM comments",
    "resolved": "SELECT ticket_id FROM events WHERE type = 'ticket.resolved'",
}
_PREFIX = {"tickets": "tkt", "comments": "cmt", "resolved": "tkt"}


@dataclass(frozen=True)
class Sight:
    """Everything, one team's tickets, or the public side of one person's own."""

    team: UUID | None = None
    requester: UUID | None = None

    def covers(self, row: asyncpg.Record) -> bool:
        if self.team is not None:
            return bool(row["team_id"] == self.team)
        if self.requester is not None:
            return bool(row["requester_id"] == self.requester and row["visibility"] == "public")
        return True


@dataclass
class Verdict:
    """`wrong` is empty when all is well."""

    events: int = 0
    posted: int = 0
    posted_again: int = 0
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: Sequence[str], wanted: Sequence[str]) -> None:
        """The same ones, each once, in the same order."""
        if list(found) == list(wanted):
            return
        missing, foreign = set(wanted) - set(found), set(found) - set(wanted)
        doubles = len(found) - len(set(found))
        kind = "in another order" if not (missing or foreign or doubles) else ""
        self.wrong.append(
            f"{what}: {len(missing)} missing, {len(foreign)} foreign, {doubles} doubled {kind} of {len(wanted)}"
        )

    def require(self, what: str, *, holds: bool) -> None:
        if not holds:
            self.wrong.append(what)


async def judge(
    connection: "asyncpg.Connection[asyncpg.Record]",
    *,
    base: int,
    sights: dict[str, Sight],
    subscribers: Iterable[Subscriber],
    told: Told,
) -> Verdict:
    """Of what is behind the place `base` in the log everything is due; of what was before it nothing is foreign."""
    rows = await connection.fetch(_LOG)
    verdict = Verdict(events=len(rows) - base)
    numbers = [row["sequence"] for row in rows]
    verdict.require("the log has gaps", holds=numbers == list(range(1, len(rows) + 1)))
    for name, statement in _TOLD.items():
        found = [public_id(_PREFIX[name], row[0]) for row in await connection.fetch(statement)]
        verdict.expect(f"{name} that were answered", sorted(found), sorted(getattr(told, name)))
    for one in subscribers:
        seen = [row for row in rows if sights[one.who].covers(row) and (one.types is None or row["type"] in one.types)]
        readable = [public_id("evt", row["id"]) for row in seen]
        due = [public_id("evt", row["id"]) for row in seen if row["sequence"] > base]
        if isinstance(one, Hook):
            _judge_hook(verdict, one, readable, due)
        elif isinstance(one, StreamClient | Puller):
            verdict.expect(one.name, [event["id"] for event in one.got], due)
            _judge_sight(verdict, one, one.got, sights[one.who])
    return verdict


def _judge_hook(verdict: Verdict, hook: Hook, readable: list[str], due: list[str]) -> None:
    names: dict[str, set[str]] = {}
    for arrived in hook.arrived:
        names.setdefault(arrived.event["id"], set()).add(arrived.name)
    verdict.posted += len(hook.arrived)
    verdict.posted_again += len(hook.arrived) - len(names)
    verdict.require(f"{hook.name}: one event under two names", holds=all(len(one) == 1 for one in names.values()))
    verdict.require(f"{hook.name}: what is not its owner's", holds=names.keys() <= set(readable))
    firsts = [event for event in dict.fromkeys(hook.taken) if event in set(due)]
    verdict.expect(hook.name, firsts if hook.is_ordered else sorted(firsts), due if hook.is_ordered else sorted(due))
    bodies = {one.event["id"]: one.event for one in hook.arrived}
    same = all(one.event == bodies[one.event["id"]] for one in hook.arrived)
    verdict.require(f"{hook.name}: one event with two bodies", holds=same)


def _judge_sight(verdict: Verdict, one: Subscriber, got: list[dict[str, Any]], sight: Sight) -> None:
    verdict.require(f"{one.name}: a number", holds=sight == Sight() or all(event["sequence"] is None for event in got))
    if sight.requester is not None:
        internal = ("internal_changes", "internal_details", "cause")
        closed = all(event[name] is None for event in got for name in internal)
        verdict.require(f"{one.name}: an internal side", holds=closed)
        verdict.require(f"{one.name}: an internal word", holds=SECRET not in str(got))
