"""A first look at a database, over one bare connection: `helpdesk serve` loads nothing more when all is in order."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Glance:
    """`revision` is None in a database that was never migrated."""

    revision: str | None
    has_people: bool
    has_demo: bool


async def glance(url: str) -> Glance:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1), statement_cache_size=0)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return Glance(revision=None, has_people=False, has_demo=False)
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        if await connection.fetchval("SELECT to_regclass('users')") is None:
            return Glance(revision=revision, has_people=False, has_demo=False)
        row = await connection.fetchrow(
            "SELECT EXISTS (SELECT FROM users) AS people,"
            " EXISTS (SELECT FROM users WHERE external_source = 'demo') AS demo"
        )
        return Glance(revision=revision, has_people=row["people"], has_demo=row["demo"])
    finally:
        await connection.close()
