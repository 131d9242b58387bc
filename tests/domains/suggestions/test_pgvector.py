"""What is near, by an index of pgvector: on a server that has it, with the extension's files from elsewhere.

`HELPDESK_TEST_PGVECTOR` names a folder with `lib/postgresql` and `share/postgresql` of a pgvector that was built for
the embedded PostgreSQL's major version.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.embedded import EmbeddedPostgres
from helpdesk_api.database.session import Database
from helpdesk_api.domains.embeddings import jobs, vector_index
from helpdesk_api.domains.embeddings.engine import meaning_of, use_embedder
from helpdesk_api.domains.suggestions import similar
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.similar import Among, alike_by_meaning
from helpdesk_api.domains.tickets import policy
from helpdesk_api.integrations.embeddings.fake import DIMENSIONS, FakeEmbedder
from tests.factories.records import make_team, make_ticket, make_user, principal_of
from tests.fixtures.server import migrate, run_sql, url_of

FOLDER = os.environ.get("HELPDESK_TEST_PGVECTOR")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="HELPDESK_TEST_PGVECTOR names no pgvector")
_PRINTERS, _OTHERS = 20, 40


@pytest.fixture(scope="module")
def vector_url() -> Iterator[str]:
    settings = {
        "extension_control_path": f"{FOLDER}/share/postgresql:$system",
        "dynamic_library_path": f"{FOLDER}/lib/postgresql:$libdir",
    }
    with tempfile.TemporaryDirectory(prefix="helpdesk-vectors-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "data", durable=False, settings=settings) as server:
            asyncio.run(run_sql(server.url, 'CREATE DATABASE "vectors"'))
            migrate(url_of(server.url, "vectors"))
            yield url_of(server.url, "vectors")


@pytest.fixture
async def vectors(vector_url: str, wired: None) -> AsyncIterator[Database]:
    del wired
    database = Database(vector_url)
    use_embedder(FakeEmbedder({"drucker": "printer"}))
    vector_index.forget_indexes()
    yield database
    use_embedder(None)
    vector_index.forget_indexes()
    await database.dispose()


async def near(database: Database, caller: Principal, question: str = "drucker broken") -> set[str]:
    async with database.reads() as reads:
        meaning = await meaning_of(reads, question)
        assert meaning is not None
        found = await alike_by_meaning(reads, caller, meaning, Among(TicketScope.ANY), least=0.5)
    return {one.id.hex for one in found}


async def plan(database: Database, caller: Principal) -> str:
    statement = similar._by_meaning(policy.shape_of(caller), TicketScope.ANY, DIMENSIONS)
    given = {"code": "01" * (DIMENSIONS // 2), "model": "fake@1", "first_stage": 5}
    arguments = statement.arguments({**Among(TicketScope.ANY).parameters(caller), **given})
    async with database.engine.connect() as connection:
        # A few rows are sorted faster than an index is read.
        await connection.execute(text("SET LOCAL enable_sort = off"))
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        return "\n".join(row[0] for row in await raw.fetch(f"EXPLAIN {statement.sql}", *arguments))


async def test_the_index_finds_what_comparing_finds_and_nothing_more(vectors: Database) -> None:
    team = await make_team(vectors, auto_assign=False)
    admin = await principal_of(vectors, await make_user(vectors, role=Role.ADMIN))
    outside = await principal_of(vectors, await make_user(vectors, role=Role.AGENT))
    printers = [
        await make_ticket(vectors, subject=f"printer broken {n}", description="printer") for n in range(_PRINTERS)
    ]
    hidden = await make_ticket(vectors, subject="printer broken", description="printer", team_id=team.id)
    for number in range(_OTHERS):
        await make_ticket(vectors, subject=f"holiday {number} tree", description="lunch menu")
    async with vectors.session() as session:
        await jobs.check(session, {})
        while await jobs.embed_batch(session, asked_before=clock.now()) is not None:
            pass
    compared = {caller: await near(vectors, caller) for caller in (admin, outside)}
    assert compared[admin] == {one.id.hex for one in (*printers, hidden)}
    assert compared[outside] == {one.id.hex for one in printers}
    async for _ in jobs.embed_all(vectors):
        pass
    async with vectors.reads() as reads:
        assert await vector_index.is_indexed(reads, DIMENSIONS)
    assert vector_index.name_of(DIMENSIONS) in await plan(vectors, admin)
    for caller, found in compared.items():
        assert await near(vectors, caller) == found


async def test_a_half_made_index_is_made_anew(vectors: Database) -> None:
    """As it is left by a killed CREATE INDEX CONCURRENTLY."""
    admin = await principal_of(vectors, await make_user(vectors, role=Role.ADMIN))
    await make_ticket(vectors, subject="printer broken", description="printer")
    async for _ in jobs.embed_all(vectors):
        pass
    async with vectors.session() as session:
        name = vector_index.name_of(DIMENSIONS)
        await session.execute(text(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"))
    vector_index.forget_indexes()
    async with vectors.reads() as reads:
        assert not await vector_index.is_indexed(reads, DIMENSIONS)
    found = await near(vectors, admin)
    assert found
    assert await vector_index.make_index(vectors, "fake@1")
    async with vectors.reads() as reads:
        assert await vector_index.is_indexed(reads, DIMENSIONS)
    assert await near(vectors, admin) == found
