"""Bringing a database to the schema of this release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

_PACKAGE_ROOT = Path(__file__).parents[3]


def configuration(url: str | None = None) -> Config:
    """Alembic's, wherever the checkout or the image put the migrations."""
    root = next((root for root in (_PACKAGE_ROOT, Path.cwd()) if (root / "migrations" / "env.py").exists()), None)
    if root is None:
        message = "the folder `migrations` is neither beside the package nor in the current folder"
        raise FileNotFoundError(message)
    config = Config(str(root / "alembic.ini"))
    config.set_main_option("script_location", str(root / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """To the newest revision. Blocking, and not from inside an event loop."""
    command.upgrade(configuration(url), "head")


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()
