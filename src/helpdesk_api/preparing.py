"""What `helpdesk serve` does to a database before it is served, in a process of its own: see `serving.run_once`."""

import asyncio
from collections.abc import Awaitable, Callable

from helpdesk_api.config import Settings, UnsafeSettings, get_settings
from helpdesk_api.database import migrations
from helpdesk_api.database.session import Database
from helpdesk_api.demo import create_demo, demo_password_in_use
from helpdesk_api.domains.embeddings.engine import close_embedder
from helpdesk_api.installation import install_wiring, open_database


def with_database(settings: Settings, work: Callable[[Database], Awaitable[None]]) -> None:
    """Runs `work` on the wired product."""

    async def run() -> None:
        install_wiring(settings)
        database = open_database(settings)
        try:
            await work(database)
        finally:
            await close_embedder()
            await database.dispose()

    asyncio.run(run())


def migrate() -> None:
    migrations.migrate(get_settings().database_url_required)


def fill_with_demo() -> None:
    async def fill(database: Database) -> None:
        await create_demo(database)

    with_database(get_settings(), fill)


def refuse_demo_passwords() -> None:
    async def refuse(database: Database) -> None:
        if await demo_password_in_use(database):
            message = "production refuses a database with the demo data's passwords; change or deactivate them"
            raise UnsafeSettings(message)

    with_database(get_settings(), refuse)
