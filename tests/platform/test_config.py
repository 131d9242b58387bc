"""Settings: what production refuses, what is taken as people write it, and the secret that is made once."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from helpdesk_api.config import DEMO_SECRETS, Environment, Settings
from helpdesk_api.doctor import unknown_settings

GOOD = {"env": "production", "database_url": "postgresql://db/helpdesk", "secret_key": "s" * 32}


def made(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


class TestProduction:
    def test_it_starts_with_a_database_and_a_secret(self) -> None:
        settings = made(**GOOD)
        assert settings.is_production
        assert settings.secret == "s" * 32

    @pytest.mark.parametrize(
        ("missing", "words"),
        [
            ({"database_url": None}, "HELPDESK_DATABASE_URL"),
            ({"secret_key": None}, "HELPDESK_SECRET_KEY"),
            ({"secret_key": "s" * 31}, "at least 32 bytes"),
            *(({"secret_key": secret}, "not a demo one") for secret in sorted(DEMO_SECRETS)),
        ],
    )
    def test_it_refuses(self, missing: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            made(**{**GOOD, **missing})


class TestReading:
    def test_a_laptop_needs_no_setting(self) -> None:
        settings = made()
        assert settings.env is Environment.DEVELOPMENT
        assert settings.database_url is None

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_any_spelling_of_the_url_is_taken_for_our_driver(self, scheme: str) -> None:
        assert made(database_url=f"{scheme}://u:p@h/d").database_url == "postgresql+asyncpg://u:p@h/d"

    def test_lists_are_separated_by_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HELPDESK_CORS_ORIGINS", "https://a.example, https://b.example,")
        assert made().cors_origins == ["https://a.example", "https://b.example"]

    def test_an_empty_variable_is_a_missing_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HELPDESK_SMTP_URL", "")
        monkeypatch.setenv("HELPDESK_DATABASE_URL", "")
        settings = made()
        assert settings.smtp_url is None
        assert settings.database_url is None

    @pytest.mark.parametrize("values", [{"port": 0}, {"workers": 0}, {"log_level": "loud"}, {"env": "prod"}])
    def test_nonsense_is_refused(self, values: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            made(**values)

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"portal_link_template": "https://x/{nope}"}, "knows {reference} and {ticket_id} alone"),
            ({"portal_link_template": "https://x/{}"}, "knows {reference} and {ticket_id} alone"),
            ({"portal_link_template": "https://x/{reference.no}"}, "knows {reference} and {ticket_id} alone"),
            ({"password_link_template": "https://x/"}, "without {token}"),
            ({"smtp_url": "foo"}, "write it as smtp"),
            ({"smtp_url": "http://mail"}, "write it as smtp"),
            ({"smtp_url": "smtp://mail:port"}, "write it as smtp"),
            ({"smtp_url": "smtp://mail?starttls=maybe"}, "write it as smtp"),
            ({"mail_from": "Helpdesk"}, "write it as Helpdesk"),
            ({"database_url": "mysql://x"}, "write it as postgresql"),
            ({"database_url": "postgresql://h:port/x"}, "write it as postgresql"),
        ],
    )
    def test_what_would_fail_later_is_refused_in_a_sentence(self, values: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=re.escape(words)):
            made(**values)

    @pytest.mark.parametrize(
        "values",
        [
            {"portal_link_template": "https://x/t/{ticket_id}?from={{mail}}"},
            {"smtp_url": "smtps://u%40x:p:w@mail.example.com:465/?starttls=require"},
            {"smtp_url": "smtp://[::1]:25"},
            {"database_url": "postgresql://u:p/a#:s@[::1]:5432/d?ssl=require"},
            {"database_url": "postgres:///d?host=/run/postgresql"},
        ],
    )
    def test_what_is_good_is_taken(self, values: dict[str, Any]) -> None:
        made(**values)

    def test_a_misspelt_setting_is_found(self) -> None:
        assert unknown_settings(["HELPDESK_PORT", "HELPDESK_PROT", "HELPDESK_PASSWORD", "PATH"]) == ["HELPDESK_PROT"]

    def test_secrets_do_not_show(self) -> None:
        assert "s" * 32 not in repr(made(**GOOD))


class TestSecret:
    def test_it_is_made_once_and_only_we_may_read_it(self, tmp_path: Path) -> None:
        settings = made(data_dir=tmp_path / "data")
        secret = settings.secret
        assert len(secret.encode()) >= 32
        assert made(data_dir=tmp_path / "data").secret == secret
        assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) & 0o066 == 0

    def test_two_that_start_at_once_agree(self, tmp_path: Path) -> None:
        for attempt in range(20):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            with ThreadPoolExecutor(4) as pool:
                secrets = list(pool.map(lambda _, place=folder: made(data_dir=place).secret, range(4)))
            assert len(set(secrets)) == 1
            assert [path.name for path in folder.iterdir()] == ["secret"]
