"""Settings, all from the environment with the prefix `HELPDESK_`; the README lists each."""

import os
import re
import secrets
from contextlib import suppress
from email.utils import parseaddr
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIN_SECRET_BYTES = 32
# What examples and compose files show: good for a laptop, refused in production.
DEMO_SECRETS = frozenset({"demo-secret-for-a-laptop-only-0000", "change-me-change-me-change-me-change-me"})

_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
# What may follow the scheme: a port is a number. Passwords stand there as they are, so no parser of URLs is asked.
_PLACE = re.compile(r"(?:[^@]*@)?(?:\[[^\]]*\]|[^/?:@]*)(?::\d{1,5})?(?:[/?].*)?")
_SMTP = re.compile(
    r"smtps?://(?:[^@/]*@)?(?:\[[^\]]*\]|[^/?:@\[]+)(?::\d{1,5})?/?(?:\?(?:starttls=(?:auto|require|never))?)?"
)


class Environment(StrEnum):
    """Where this runs; `production` refuses everything that only suits a laptop."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class EmbeddingsChoice(StrEnum):
    """What searches by meaning: the service at a URL if one is set, else the installed model, if any; or nothing."""

    AUTO = "auto"
    OFF = "off"


class UnsafeSettings(ValueError):
    """Settings that production refuses."""


class Settings(BaseSettings):
    """See the README for each; durations are in the unit that the name ends with."""

    model_config = SettingsConfigDict(env_prefix="HELPDESK_", env_file=".env", env_ignore_empty=True, extra="ignore")

    env: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    public_url: str = "http://127.0.0.1:8000"
    portal_link_template: str = "http://127.0.0.1:8000/v1/tickets/{reference}"
    password_link_template: str = "http://127.0.0.1:8000/docs#token={token}"  # noqa: S105 - an address
    data_dir: Path = Path(".helpdesk")
    database_url: str | None = None
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    statement_cache: Annotated[int, Field(ge=0, le=10_000)] = 500
    postgres_bin: Path | None = None
    secret_key: SecretStr | None = None
    access_token_seconds: Annotated[int, Field(ge=60, le=3_600)] = 900
    refresh_token_days: Annotated[int, Field(ge=1, le=365)] = 30
    sign_in_attempts: Annotated[int, Field(ge=1, le=1_000)] = 10
    sign_in_window_seconds: Annotated[int, Field(ge=10, le=86_400)] = 300
    trusted_proxies: Annotated[list[str], NoDecode] = Field(default_factory=list)
    cors_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    max_body_bytes: Annotated[int, Field(ge=1_024, le=104_857_600)] = 1_048_576
    rate_limit_per_minute: Annotated[int, Field(ge=1)] = 6_000
    smtp_url: SecretStr | None = None
    storage_url: str | None = None
    max_attachment_bytes: Annotated[int, Field(ge=1_024, le=42_949_672_960)] = 26_214_400
    clamd_address: str | None = None
    mail_from: str = "Helpdesk <helpdesk@example.com>"
    outbound_networks: Annotated[list[IPvAnyNetwork], NoDecode] = Field(default_factory=list)
    webhook_timeout_seconds: Annotated[int, Field(ge=1, le=15)] = 15
    webhook_delivery_days: Annotated[int, Field(ge=1, le=365)] = 30
    job_visibility_seconds: Annotated[int, Field(ge=2, le=600)] = 10
    auto_close_days: Annotated[int, Field(ge=1, le=28)] = 5
    reopen_window_days: Annotated[int, Field(ge=0, le=365)] = 7
    comment_edit_window_seconds: Annotated[int, Field(ge=0, le=86_400)] = 900
    public_articles: bool = False
    embeddings: EmbeddingsChoice = EmbeddingsChoice.AUTO
    embeddings_url: str | None = None
    embeddings_model: Annotated[str, Field(min_length=1, max_length=120)] = "text-embedding-3-small"
    embeddings_api_key: SecretStr | None = None
    embeddings_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")] = "INFO"
    log_format: LogFormat = LogFormat.CONSOLE

    @field_validator("trusted_proxies", "cors_origins", "outbound_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, value: str | None) -> str | None:
        """`postgresql://…` as everybody writes it is taken for our driver."""
        if value is None:
            return None
        scheme, _, rest = value.partition("://")
        if scheme not in _POSTGRES or _PLACE.fullmatch(rest) is None:
            message = "write it as postgresql://user:password@host:5432/name"
            raise ValueError(message)
        return f"postgresql+asyncpg://{rest}"

    @field_validator("smtp_url")
    @classmethod
    def _known_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _SMTP.fullmatch(value.get_secret_value()) is None:
            message = "write it as smtp[s]://[user:password@]host[:port][?starttls=auto|require|never]"
            raise ValueError(message)
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        local, _, domain = parseaddr(value)[1].rpartition("@")
        if not local or not domain:
            message = "write it as Helpdesk <helpdesk@example.com>"
            raise ValueError(message)
        return value

    @field_validator("portal_link_template")
    @classmethod
    def _link_to_ticket(cls, value: str) -> str:
        """Tried out here: in the worker a wrong one would cost every mail about a ticket."""
        try:
            value.format(reference="INC-1", ticket_id="tkt_1")
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = "of what stands in braces it knows {reference} and {ticket_id} alone"
            raise ValueError(message) from error
        return value

    @field_validator("password_link_template")
    @classmethod
    def _link_to_password(cls, value: str) -> str:
        if "{token}" not in value:
            message = "without {token} nobody can choose a password"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> "Settings":
        if self.secret_key is not None and len(self.secret_key.get_secret_value().encode()) < MIN_SECRET_BYTES:
            message = f"HELPDESK_SECRET_KEY needs at least {MIN_SECRET_BYTES} bytes"
            raise UnsafeSettings(message)
        if self.env is not Environment.PRODUCTION:
            return self
        if self.database_url is None:
            message = "production needs HELPDESK_DATABASE_URL: the embedded PostgreSQL is for a laptop"
            raise UnsafeSettings(message)
        if self.secret_key is None or self.secret_key.get_secret_value() in DEMO_SECRETS:
            message = "production needs a HELPDESK_SECRET_KEY of its own, not a demo one"
            raise UnsafeSettings(message)
        return self

    @property
    def is_production(self) -> bool:
        return self.env is Environment.PRODUCTION

    @property
    def files_folder(self) -> Path:
        """Where the files of attachments lie while no `storage_url` is set."""
        return self.data_dir / "files"

    @property
    def database_url_required(self) -> str:
        """The URL; the command line has started the embedded server and set it by now."""
        if self.database_url is None:
            message = "HELPDESK_DATABASE_URL is not set and no embedded PostgreSQL was started"
            raise RuntimeError(message)
        return self.database_url

    @property
    def secret(self) -> str:
        """The secret key; outside production one is made once and kept in the data directory, readable by us alone."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        path = self.data_dir / "secret"
        if not path.exists():
            self.make_data_dir()
            fresh = path.with_name(f"secret.{secrets.token_hex(8)}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(48))
            # A link, since two processes may start at once: the first one's secret stands.
            with suppress(FileExistsError):
                path.hardlink_to(fresh)
            fresh.unlink()
        return path.read_text().strip()

    def make_data_dir(self) -> None:
        """Closed to others: mails and secrets lie in it. Root's may be passed through, since PostgreSQL is not root."""
        if not self.data_dir.exists():
            self.data_dir.mkdir(parents=True)
            self.data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


@lru_cache
def get_settings() -> Settings:
    return Settings()
