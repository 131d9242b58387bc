"""A seeded database with what is served over it: the product, and the bare endpoints with the product's statements."""

import json
import pickle
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy.engine import make_url

from helpdesk_api.config import Settings
from helpdesk_api.database import cache, clock
from helpdesk_api.database.migrations import migrate
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.sla.calendar_models import AROUND_THE_CLOCK
from helpdesk_api.domains.sla.policy_models import STANDARD_POLICY
from helpdesk_api.main import create_app
from tests.bench.apps import POOL_RESET, RECORDINGS
from tests.bench.operations import OPERATIONS, Call
from tests.bench.processes import Served, environment
from tests.bench.recording import Recorder, Recording, record
from tests.bench.seed import World, seed


@dataclass
class Desk:
    """One size: where it is, who is in it, and what each operation sends."""

    tickets: int
    url: str
    world: World
    tokens: dict[UUID, str]
    calls: dict[str, list[Call]]
    recordings: dict[str, list[Recording]]

    def product_requests(self, operation: str) -> list[str]:
        return [_http(call, self.tokens[call.user]) for call in self.calls[operation]]

    def baseline_requests(self, operation: str) -> list[str]:
        found = []
        for variant, call in enumerate(self.calls[operation]):
            method = "GET" if call.body is None else "POST"
            bare = Call(method, f"/{operation.replace(' ', '%20')}/{variant}", call.user, call.body)
            found.append(_http(bare, None))
        return found

    def statements(self, operation: str) -> int:
        """The most that any of its calls sent."""
        return max(len(recording.statements) for recording in self.recordings[operation])


def _http(call: Call, token: str | None) -> str:
    body = json.dumps(call.body) if call.body is not None else ""
    lines = [f"{call.method} {call.path} HTTP/1.1", "Host: bench.test", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in call.headers.items()]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        # The generator's placeholder is as long as what it puts there, so the length stays right.
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    await connection.execute(statement)
    await connection.close()


def database_url(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def create_desk(server: str, name: str, tickets: int, migrated: str | None) -> World:
    """A new database of this size, made from `migrated`, a database with the schema alone."""
    await _run(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{migrated}"' if migrated else f'CREATE DATABASE "{name}"')
    return await seed(database_url(server, name), tickets)


async def create_empty(server: str, name: str) -> str:
    await _run(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await _run(server, f'CREATE DATABASE "{name}"')
    return database_url(server, name)


def bring_schema(url: str) -> None:
    migrate(url)


async def open_desk(url: str, tickets: int, world: World) -> Desk:
    """Sign everybody in and record what each operation sends."""
    database = Database(url)
    recorder = Recorder(database)
    app = create_app(settings_for(url), database=database)
    cache.set_listening(listening=True)
    calls = {operation.name: operation.calls(world) for operation in OPERATIONS}
    try:
        held = await sign_in(database, {call.user for several in calls.values() for call in several})
        known = frozenset([*world.requesters, *world.teams, *world.categories, *(agent for agent, _ in world.agents)])
        known |= {STANDARD_POLICY, AROUND_THE_CLOCK}
        known |= {ticket for several in world.team_tickets.values() for ticket in several}
        recordings = {name: await record(app, recorder, several, held, known) for name, several in calls.items()}
    finally:
        cache.set_listening(listening=False)
        await database.dispose()
    return Desk(tickets, url, world, held, calls, recordings)


def settings_for(url: str) -> Settings:
    """As the served process reads them from its environment."""
    prefix = "HELPDESK_"
    given = {
        name.removeprefix(prefix).lower(): value for name, value in environment().items() if name.startswith(prefix)
    }
    return Settings(_env_file=None, **{**given, "database_url": url})  # type: ignore[arg-type]


async def sign_in(database: Database, users: set[UUID]) -> dict[UUID, str]:
    """Access tokens as a sign-in gives them, without a thousand slow password checks."""
    keys = await key_set(database)
    return {
        user: tokens.issue(
            key_id=keys.signing_id,
            private_key=keys.signing_pem,
            user_id=user,
            session_id=None,
            scopes=None,
            now=clock.now(),
            lifetime=timedelta(hours=1),
        )
        for user in users
    }


def serve_product(desk: Desk, folder: Path) -> Served:
    variables = {"HELPDESK_DATABASE_URL": desk.url, "HELPDESK_DATA_DIR": str(folder)}
    return Served("tests.bench.apps:product", "/livez", variables, log=folder / f"product-{desk.tickets}.log")


def serve_baseline(desk: Desk, folder: Path, *, pool_reset: bool) -> Served:
    recordings = folder / f"recordings-{desk.tickets}.pickle"
    recordings.write_bytes(pickle.dumps(desk.recordings))
    variables = {
        "HELPDESK_DATABASE_URL": desk.url,
        RECORDINGS: str(recordings),
        POOL_RESET: "1" if pool_reset else "0",
    }
    return Served("tests.bench.apps:baseline", "/empty", variables, log=folder / f"bare-{desk.tickets}.log")
