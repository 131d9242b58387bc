"""STAND-IN by the lead until helper A's settings replace this file."""

from functools import lru_cache
from pathlib import Path
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HELPDESK_", env_file=".env")
    env: str = "development"
    database_url: str | None = None
    data_dir: Path = Path(".helpdesk")
    host: str = "127.0.0.1"
    port: int = 8000
    secret_key: SecretStr | None = None
    public_url: str = "http://127.0.0.1:8000"
    portal_link_template: str = "http://127.0.0.1:8000/v1/tickets/{reference}"
    smtp_url: SecretStr | None = None
    mail_from: str = "Helpdesk <helpdesk@example.test>"
    cors_origins: list[str] = []
    max_body_bytes: int = 1_048_576
    rate_limit_per_minute: int = 6000
    database_pool_size: int = 10
    statement_cache: int = 500
    auto_close_days: int = 5
    reopen_window_days: int = 7
    comment_edit_window_seconds: int = 900
    log_level: str = "INFO"

    @property
    def database_url_required(self) -> str:
        assert self.database_url
        return self.database_url

    @property
    def secret(self) -> str:
        return self.secret_key.get_secret_value()


@lru_cache
def get_settings() -> Settings:
    return Settings()
