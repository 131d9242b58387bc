"""A desk of a given size, written by COPY: the past grows with the size, the open backlog with the staff alone."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.roster import recount_loads
from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, TicketType, Urgency
from helpdesk_api.domains.tickets.enums import ResolutionCode
from helpdesk_api.domains.tickets.models import NUMBERS, REFERENCE_PREFIXES
from helpdesk_api.outbox.events import Visibility

TEAMS = 5
AGENTS = 50
REQUESTERS = 2_000
CATEGORIES = 20
COMMENTS = 3
OPEN_PER_AGENT = 30
_HISTORY = timedelta(days=730)
_CHUNK = 5_000
# Words by rank: the first is in nearly every text, the last in almost none (Zipf's law, as in real language).
_SYLLABLES = ("ka", "re", "mo", "ti", "su", "no", "pe", "la", "vi", "do", "ra", "me", "zu", "fi", "go", "ne")
WORDS = ["".join(parts) for size in (2, 3) for parts in itertools.product(_SYLLABLES, repeat=size)][:4_000]
_WEIGHTS = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(WORDS))))


# A device breaks about as often on a large desk as on a small one.
TICKETS_PER_DEVICE = 10


def device(number: int) -> str:
    """A name that few tickets have, whatever the size of the desk."""
    return f"hw{number:06d}"


@dataclass(frozen=True)
class World:
    """What the operations name: the people, teams and tickets that were made."""

    agents: list[tuple[UUID, UUID]]
    requesters: list[UUID]
    teams: list[UUID]
    categories: list[UUID]
    team_tickets: dict[UUID, list[UUID]]
    open_tickets: dict[UUID, list[UUID]]


def _id_at(moment: datetime, random_: random.Random) -> UUID:
    """A UUIDv7 of that moment, as the product would have made it."""
    value = int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | random_.getrandbits(12) << 64
    return UUID(int=value | 0x2 << 62 | random_.getrandbits(62))


class Seeder:
    """Makes the rows of one desk; the same size makes the same rows, but for the clock."""

    def __init__(self, tickets: int) -> None:
        self._random = random.Random(tickets)
        self._count = tickets
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._teams = [_id_at(self._now - _HISTORY, self._random) for _ in range(TEAMS)]
        people = [_id_at(self._now - _HISTORY, self._random) for _ in range(AGENTS + REQUESTERS)]
        self._agents = [(person, self._teams[n % TEAMS]) for n, person in enumerate(people[:AGENTS])]
        self._requesters = people[AGENTS:]
        self._categories = [_id_at(self._now - _HISTORY, self._random) for _ in range(CATEGORIES)]
        self._texts = [self._text(60) for _ in range(5_000)]
        self._comments: list[tuple[Any, ...]] = []
        self.world = World(
            self._agents,
            self._requesters,
            self._teams,
            self._categories,
            {team: [] for team in self._teams},
            {team: [] for team in self._teams},
        )

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, cum_weights=_WEIGHTS, k=words))

    def teams(self) -> list[dict[str, Any]]:
        return [
            {"id": team, "name": f"Team {n}", "auto_assign": True, "created_at": self._now, "updated_at": self._now}
            for n, team in enumerate(self._teams)
        ]

    def users(self) -> list[dict[str, Any]]:
        staff = [(person, Role.AGENT) for person, _ in self._agents]
        return [
            {
                "id": person,
                "kind": "user",
                "name": f"Person {n}",
                "email": f"person{n}@example.test",
                "role": role.value,
                "created_at": self._now,
                "updated_at": self._now,
            }
            for n, (person, role) in enumerate(staff + [(person, Role.REQUESTER) for person in self._requesters])
        ]

    def members(self) -> list[dict[str, Any]]:
        return [{"team_id": team, "user_id": person, "is_lead": False} for person, team in self._agents]

    def categories(self) -> list[dict[str, Any]]:
        return [
            {
                "id": category,
                "name": f"Category {n}",
                "team_id": self._teams[n % TEAMS],
                "created_at": self._now,
                "updated_at": self._now,
            }
            for n, category in enumerate(self._categories)
        ]

    def tickets(self) -> Iterator[dict[str, Any]]:
        """In the order of their creation, the backlog at the end."""
        step = _HISTORY / self._count
        backlog = self._count - AGENTS * OPEN_PER_AGENT
        for n in range(self._count):
            yield self._ticket(n, self._now - _HISTORY + step * n, is_open=n >= backlog)

    def _ticket(self, n: int, created: datetime, *, is_open: bool) -> dict[str, Any]:
        choose = self._random.choice
        agent, team = choose(self._agents)
        status = choose(["open", "in_progress", "pending"]) if is_open else choose(["closed"] * 9 + ["cancelled"])
        kind = list(TicketType)[n % len(TicketType)]
        requester = choose(self._requesters)
        identifier = _id_at(created, self._random)
        self.world.team_tickets[team].append(identifier)
        if is_open:
            self.world.open_tickets[team].append(identifier)
        comments = [self._comment(identifier, choose([agent, requester]), created, step) for step in range(COMMENTS)]
        public = [comment for comment in comments if comment[4] == Visibility.PUBLIC.value]
        text = choose(self._texts)
        done = created + timedelta(hours=5)
        return {
            "id": identifier,
            "type": kind.value,
            "number": 100_000 + n,
            "reference_prefix": REFERENCE_PREFIXES[kind],
            "subject": self._text(6),
            "description": f"{text} {device(n // TICKETS_PER_DEVICE)}",
            "description_html": f"<p>{text}</p>\n",
            "channel": choose(list(Channel)).value,
            "requester_id": requester,
            "submitter_id": requester,
            "category_id": choose(self._categories),
            "impact": choose(list(Impact)).value,
            "urgency": choose(list(Urgency)).value,
            "priority": choose(list(Priority)).value,
            "priority_source": "matrix",
            "tags": self._random.sample(["vpn", "mail", "printer", "laptop", "access"], k=2),
            "team_id": team,
            "assignee_id": agent,
            "assigned_at": created,
            "status": status,
            "pending_reason": "requester" if status == "pending" else None,
            "resolution_code": next(iter(ResolutionCode)).value if status == "closed" else None,
            "resolution_text": text[:80] if status == "closed" else None,
            "resolved_at": done if status == "closed" else None,
            "closed_at": done if status == "closed" else None,
            "cancelled_at": done if status == "cancelled" else None,
            "public_comment_count": len(public),
            "internal_comment_count": COMMENTS - len(public),
            "last_public_comment_at": public[-1][8] if public else None,
            "last_public_comment_id": public[-1][0] if public else None,
            "last_comment_id": comments[-1][0],
            "created_at": created,
            "updated_at": done if not is_open else created,
            "public_updated_at": done if not is_open else created,
        }

    def _comment(self, ticket: UUID, author: UUID, created: datetime, step: int) -> tuple[Any, ...]:
        at = created + timedelta(minutes=7 * step + 1)
        text = self._random.choice(self._texts)[:240]
        visibility = Visibility.INTERNAL if step == 1 else Visibility.PUBLIC
        said = (visibility.value, "portal", text, f"<p>{text}</p>\n", at, 1)
        row = (_id_at(at, self._random), ticket, created, author, *said)
        self._comments.append(row)
        return row

    def take_comments(self) -> list[tuple[Any, ...]]:
        taken, self._comments = self._comments, []
        return taken


_COMMENT_COLUMNS = [
    "id",
    "ticket_id",
    "ticket_created_at",
    "author_id",
    "visibility",
    "channel",
    "body",
    "body_html",
    "created_at",
    "version",
]


async def _copy(connection: Any, table: str, rows: list[dict[str, Any]]) -> None:
    await connection.copy_records_to_table(table, columns=list(rows[0]), records=[tuple(row.values()) for row in rows])


# Like a restored dump: rows first, then the indexes and no check of references that hold by construction.
_LARGE = ("tickets", "comments")
_SECONDARY = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
      FROM pg_index WHERE indrelid = ANY($1::text[]::regclass[]) AND NOT indisunique
"""


async def _fill(connection: Any, seeder: Seeder) -> None:
    await _copy(connection, "teams", seeder.teams())
    await _copy(connection, "users", seeder.users())
    await _copy(connection, "team_members", seeder.members())
    await _copy(connection, "categories", seeder.categories())
    indexes = await connection.fetch(_SECONDARY, list(_LARGE))
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    rows = seeder.tickets()
    while chunk := list(itertools.islice(rows, _CHUNK)):
        await _copy(connection, "tickets", chunk)
        await connection.copy_records_to_table("comments", columns=_COMMENT_COLUMNS, records=seeder.take_comments())
    for index in indexes:
        await connection.execute(index["definition"])
    for sequence in NUMBERS.values():
        await connection.execute(f"ALTER SEQUENCE {sequence.name} RESTART WITH 10000000")


# As the worker counts them, from a sample: on a large desk its minutes of learning are hours.
_COUNT_WORDS = (
    "INSERT INTO search_words (word, seen_count, stems)"
    " SELECT word, sum(ndoc) * {times}, ARRAY['en:' || (ts_lexize('english_stem', word))[1]] FROM ("
    "SELECT word, ndoc FROM ts_stat('SELECT search FROM tickets WHERE number % {times} = 0') UNION ALL"
    " SELECT word, ndoc FROM ts_stat('SELECT search FROM comments TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)')"
    ") AS sampled WHERE word ~ '^[[:alpha:]]{{3,40}}$' GROUP BY word"
)
_SAMPLED = 100_000


async def _count_words(connection: asyncpg.Connection, tickets: int) -> None:
    times = max(1, tickets // _SAMPLED)
    await connection.execute(_COUNT_WORDS.format(times=times, percent=100 / times))


async def seed(url: str, tickets: int) -> World:
    """Fill an empty, migrated database; planner statistics and visibility map are fresh afterwards."""
    seeder = Seeder(tickets)
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute("SET maintenance_work_mem = '256MB'")
        await _fill(connection, seeder)
    finally:
        await connection.close()
    database = Database(url)
    async with database.session() as session:
        await recount_loads(session)
    await database.dispose()
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    await _count_words(connection, tickets)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()
    return seeder.world
