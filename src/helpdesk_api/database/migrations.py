"""Bringing a database to the schema of this release."""

from alembic import command
from alembic.config import Config

from helpdesk_api.database.revisions import migrations_root


def configuration(url: str | None = None) -> Config:
    """Alembic's; `url` is what `migrations/env.py` connects to, else the settings'."""
    root = migrations_root()
    config = Config(str(root / "alembic.ini"))
    config.set_main_option("script_location", str(root / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """To the newest revision. Blocking, and not from inside an event loop."""
    command.upgrade(configuration(url), "head")
