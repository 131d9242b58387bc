"""What commands refuse before they begin, asked in this process; `test_cli.py` runs them as processes."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from helpdesk_api import cli, logs, preparing, worker
from helpdesk_api.config import Settings, get_settings
from helpdesk_api.database import glance
from helpdesk_api.database.glance import Glance
from helpdesk_api.database.session import Database


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


@pytest.fixture
def revision(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """Production on a database nobody asks for more than the schema's revision, which a test sets."""
    seen: list[str | None] = ["0001"]

    async def glanced(url: str) -> Glance:
        return Glance(revision=seen[0], has_people=True, has_demo=True)

    async def ran(settings: Settings) -> None:
        del settings
        print("worked")

    monkeypatch.setattr(glance, "glance", glanced)
    monkeypatch.setattr(worker, "run", ran)
    for module, name in ((logs, "configure_logging"), (preparing, "install_wiring")):
        monkeypatch.setattr(module, name, lambda _: None)
    for name, value in (("ENV", "production"), ("DATABASE_URL", "postgresql://h/d"), ("SECRET_KEY", "s" * 32)):
        monkeypatch.setenv(f"HELPDESK_{name}", value)
    get_settings.cache_clear()
    yield seen
    get_settings.cache_clear()


@pytest.mark.parametrize("is_in_use", [True, False])
def test_a_worker_in_production_refuses_the_demo_passwords(
    revision: list[str | None], monkeypatch: pytest.MonkeyPatch, is_in_use: bool
) -> None:
    del revision

    async def asked(database: Database) -> bool:
        del database
        return is_in_use

    monkeypatch.setattr(preparing, "demo_password_in_use", asked)
    done = command("worker")
    assert done.exit_code == is_in_use
    assert ("the demo data's passwords" in done.output, "worked" in done.output) == (is_in_use, not is_in_use)


def test_a_worker_says_that_the_database_was_never_migrated(revision: list[str | None]) -> None:
    revision[0] = None
    done = command("worker")
    assert (done.exit_code, "run `helpdesk migrate` first" in done.output) == (1, True)
