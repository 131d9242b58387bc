"""What is measured: each operation as the calls of many different people about many different tickets."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.bench.load import UNIQUE
from tests.bench.seed import WORDS, World, device

VARIANTS = 24
READ_BUDGET = 1.5
WRITE_BUDGET = 2.5
_ACTIVE = "open,in_progress,pending"
_UNIQUE = UNIQUE.decode()
_SUBJECT = "VPN drops every few minutes"
_DESCRIPTION = (
    "Since this morning the **VPN** disconnects after about five minutes, whatever network I use.\n\n"
    "- restarted the laptop and the router\n- colleagues in the same room have no trouble\n\n"
    "The client says `peer did not respond`, and then connects again by itself."
)


@dataclass(frozen=True)
class Call:
    """One request of one person. `ticket` is what the path names, if it names one."""

    method: str
    path: str
    user: UUID
    body: dict[str, Any] | None = None
    ticket: UUID | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """`budget` is how many times the CPU of the bare endpoint it may cost; `statements` how many it may send."""

    name: str
    budget: float
    statements: int
    calls: Callable[[World], list[Call]]


def _random() -> random.Random:
    return random.Random(7)


def _some_tickets(world: World, *, is_open: bool) -> list[tuple[UUID, UUID]]:
    """An agent and a ticket of their team, for each variant."""
    chosen = _random()
    tickets = world.open_tickets if is_open else world.team_tickets
    return [(agent, chosen.choice(tickets[team])) for agent, team in chosen.choices(world.agents, k=VARIANTS)]


def _keyed() -> dict[str, str]:
    return {"Idempotency-Key": f"bench-{_UNIQUE}"}


def _get(world: World) -> list[Call]:
    return [
        Call("GET", f"/v1/tickets/tkt_{ticket.hex}", agent, ticket=ticket)
        for agent, ticket in _some_tickets(world, is_open=False)
    ]


def _create(world: World) -> list[Call]:
    chosen = _random()
    return [
        Call(
            "POST",
            "/v1/tickets",
            requester,
            {
                "type": "incident",
                "subject": _SUBJECT,
                "description": _DESCRIPTION,
                "category_id": f"cat_{chosen.choice(world.categories).hex}",
                "impact": "medium",
                "urgency": "high",
                "tags": ["vpn"],
            },
            headers=_keyed(),
        )
        for requester in chosen.choices(world.requesters, k=VARIANTS)
    ]


def _comment(world: World) -> list[Call]:
    return [
        Call(
            "POST",
            f"/v1/tickets/tkt_{ticket.hex}/comments",
            agent,
            {"body": _DESCRIPTION, "visibility": "public"},
            ticket,
            _keyed(),
        )
        for agent, ticket in _some_tickets(world, is_open=True)
    ]


def _update(world: World) -> list[Call]:
    return [
        Call(
            "PATCH",
            f"/v1/tickets/tkt_{ticket.hex}",
            agent,
            {"subject": f"{_SUBJECT} {_UNIQUE}", "affected_service": f"vpn-{_UNIQUE}"},
            ticket,
            _keyed(),
        )
        for agent, ticket in _some_tickets(world, is_open=True)
    ]


def _assign(world: World) -> list[Call]:
    """To one member of the team and, a round later, to another, so that each call changes something."""
    team_of = dict(world.agents)
    return [
        Call(
            "POST",
            f"/v1/tickets/tkt_{ticket.hex}/assignments",
            agent,
            {
                "assignee_id": f"usr_{[other for other, team in world.agents if team == team_of[agent]][turn].hex}",
                "replace": True,
                "reason": f"Knows this {_UNIQUE}",
            },
            ticket,
            _keyed(),
        )
        for turn in range(2)
        for agent, ticket in _some_tickets(world, is_open=True)
    ]


def _list(path: Callable[[UUID, UUID, int], str]) -> Callable[[World], list[Call]]:
    def calls(world: World) -> list[Call]:
        return [
            Call("GET", path(agent, team, n), agent)
            for n, (agent, team) in enumerate(_random().choices(world.agents, k=VARIANTS))
        ]

    return calls


def _requested(world: World) -> list[Call]:
    return [
        Call("GET", f"/v1/tickets?requester_id=me&status={_ACTIVE}&limit=25", requester)
        for requester in _random().choices(world.requesters, k=VARIANTS)
    ]


def _my_open(agent: UUID, team: UUID, n: int) -> str:
    del agent, team, n
    return f"/v1/tickets?assignee_id=me&status={_ACTIVE}&limit=25"


def _queue(agent: UUID, team: UUID, n: int) -> str:
    del agent, n
    return (
        f"/v1/tickets?team_id=tea_{team.hex}&status={_ACTIVE}&include=requester,assignee,last_comment"
        "&counts=true&limit=25"
    )


def _by_device(agent: UUID, team: UUID, n: int) -> str:
    del agent, team
    return f"/v1/tickets?q={device(n)}&limit=25"


def _search(first: int, step: int, *, limit: int = 25) -> Callable[[UUID, UUID, int], str]:
    def path(agent: UUID, team: UUID, n: int) -> str:
        del agent, team
        return f"/v1/tickets?q={WORDS[first + step * n]}&limit={limit}"

    return path


# As many rows on both desks: who looks for a word of one text in 300 may read some ten such tickets on the smaller one,
# and of pages of ten half would have no next one there.
OPERATIONS = (
    Operation("get", READ_BUDGET, 1, _get),
    Operation("my open tickets", READ_BUDGET, 1, _list(_my_open)),
    Operation("my requests", READ_BUDGET, 1, _requested),
    Operation("queue screen", READ_BUDGET, 4, _list(_queue)),
    # One statement more than a list: the forms of the words. Words that half of the tickets have, one in fifty, one
    # in 150 and in 300, and ten in all; where the caller may read none of the ten, a third asks what was meant.
    Operation("search, common", READ_BUDGET, 2, _list(_search(3, 1))),
    Operation("search, 1 in 50", READ_BUDGET, 2, _list(_search(300, 10))),
    Operation("search, 1 in 150", READ_BUDGET, 2, _list(_search(1_500, 20, limit=10))),
    Operation("search, 1 in 300", READ_BUDGET, 2, _list(_search(3_000, 40, limit=5))),
    Operation("search, rare", READ_BUDGET, 3, _list(_by_device)),
    Operation("create", WRITE_BUDGET, 8, _create),
    Operation("comment", WRITE_BUDGET, 6, _comment),
    Operation("update", WRITE_BUDGET, 6, _update),
    Operation("assign", WRITE_BUDGET, 6, _assign),
)
