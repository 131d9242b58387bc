"""The command line with real processes: serving, kills, signals, and the commands beside a running server."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from helpdesk_api.database.embedded import EmbeddedPostgres, running_url
from helpdesk_api.database.glance import glance
from helpdesk_api.serving import Child
from tests.end_to_end.served import Served, environment_of, free_port, is_alive, processes, processes_below

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

HELPDESK = str(Path(sys.executable).parent / "helpdesk")
PATIENCE = 90.0
ADMIN = ("ada@desk.example.com", "a-long-enough-password")


def await_true(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def child_of(process_id: int, name: str) -> int | None:
    return next((found for found, of_found in processes_below(process_id).items() if of_found == name), None)


def parent_of(process_id: int) -> int:
    return processes()[process_id][0]


def counted_by_all(product: Served) -> set[float]:
    """What each of some answers of /metrics says of ten requests: whichever process is asked, all ten are there."""

    def answered() -> float:
        text = httpx.get(f"{product.url}/metrics", timeout=30).text
        found = re.findall(r'helpdesk_requests_total\{[^}]*route="/livez"[^}]*\} ([0-9.]+)', text)
        return sum(map(float, found))

    before = answered()
    for _ in range(10):
        httpx.get(f"{product.url}/livez", timeout=30)
    return {answered() - before for _ in range(6)}


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, but for its import, which takes seconds: forked from what imported the product. `serve` is run here
    as a person runs it."""
    folder = Path(environment["HELPDESK_DATA_DIR"]).parent
    printed = [folder / f"printed-{number}" for number in (1, 2)]
    child = Child("command", "tests.platform.children:command", (arguments, str(folder), list(map(str, printed))))
    child.start(environment)
    assert child.process is not None
    child.process.join(PATIENCE)
    code = child.process.exitcode
    child.signal(signal.SIGKILL)
    assert code is not None, f"{arguments} did not end"
    return subprocess.CompletedProcess(arguments, code, *[path.read_text() for path in printed])


@pytest.fixture(scope="module")
def installation() -> Iterator[dict[str, str]]:
    """The environment of an installation with one administrator, and so without the demo data."""
    folder = Path(tempfile.mkdtemp(prefix="helpdesk-cli-"))
    folder.chmod(0o755)
    environment = environment_of(folder / "data", free_port(), HELPDESK_WORKERS="2")
    made = run(
        {**environment, "HELPDESK_PASSWORD": ADMIN[1]}, "user", "create", "--email", ADMIN[0], "--name", "Ada Quill"
    )
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"usr_[0-9a-f]{32}\n", made.stdout)
    yield environment
    shutil.rmtree(folder)


@contextlib.contextmanager
def serving(environment: dict[str, str], *arguments: str) -> Iterator[Served]:
    data = Path(environment["HELPDESK_DATA_DIR"])
    log = data.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [HELPDESK, "serve", *arguments], cwd=data.parent, env=environment, stdout=output, stderr=output
        )
    product = Served(f"http://127.0.0.1:{environment['HELPDESK_PORT']}", data, log, process)
    try:
        await_true(lambda: process.poll() is not None or b"is ready" in log.read_bytes(), "it did not become ready")
        assert process.poll() is None, log.read_text()
        yield product
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def sign_in(url: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/sessions", json={"email": ADMIN[0], "password": ADMIN[1]}, timeout=30)


@pytest.fixture(scope="module")
def product(installation: dict[str, str]) -> Iterator[Served]:
    """Until a test kills it, which `tests/fixtures/scheduling.py` puts behind those that look at it."""
    with serving(installation) as found:
        yield found


class TestBesideARunningServer:
    def test_the_created_administrator_signs_in(self, product: Served) -> None:
        assert sign_in(product.url).status_code == 201

    def test_a_second_server_on_the_same_data_says_so_plainly(
        self, product: Served, installation: dict[str, str]
    ) -> None:
        second = run({**installation, "HELPDESK_PORT": str(free_port())}, "serve")
        assert second.returncode == 1
        assert f"already being served (by process {product.process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
        assert httpx.get(f"{product.url}/readyz").status_code == 200

    def test_a_killed_worker_is_started_again(self, product: Served) -> None:
        first = child_of(product.process.pid, "helpdesk-worker")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await_true(lambda: child_of(product.process.pid, "helpdesk-worker") not in {None, first}, "no worker came back")
        assert product.process.poll() is None
        assert httpx.get(f"{product.url}/readyz").status_code == 200

    def test_a_killed_api_process_is_started_again_and_the_other_answers_meanwhile(self, product: Served) -> None:
        def api_processes() -> set[int]:
            return {found for found, name in processes_below(product.process.pid).items() if name == "helpdesk-api"}

        before = api_processes()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        assert httpx.get(f"{product.url}/readyz", timeout=30).status_code == 200
        await_true(lambda: len(api_processes() - {min(before)}) == 2, "no process came back")

    def test_metrics_are_those_of_all_processes(self, product: Served) -> None:
        assert counted_by_all(product) == {10}

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
    def test_what_the_processes_are_forked_from_is_replaced_too(self, product: Served) -> None:
        before = processes_below(product.process.pid)
        names = sorted(name for name in before.values() if name.startswith("helpdesk-"))
        worker = child_of(product.process.pid, "helpdesk-worker")
        assert worker is not None
        os.kill(parent_of(worker), signal.SIGKILL)

        def new_ones() -> list[str]:
            below = processes_below(product.process.pid)
            return sorted(name for found, name in below.items() if found not in before and name in names)

        await_true(lambda: new_ones() == names, "not all processes came back")
        await_true(lambda: not any(is_alive(found) for found in before if before[found] in names), "one stayed")
        assert product.process.poll() is None
        assert httpx.get(f"{product.url}/readyz", timeout=30).status_code == 200
        assert counted_by_all(product) == {10}

    def test_doctor_finds_nothing_wrong(self, product: Served, installation: dict[str, str]) -> None:
        found = run(installation, "doctor")
        assert found.returncode == 0, found.stdout + found.stderr
        assert "PROBLEM" not in found.stdout
        assert "PostgreSQL" in found.stdout
        assert "extension pg_trgm: there" in found.stdout
        assert product.process.poll() is None

    def test_keys_rotate_and_old_tokens_stay_good(self, product: Served, installation: dict[str, str]) -> None:
        token = sign_in(product.url).json()["access_token"]
        keys = httpx.get(f"{product.url}/.well-known/jwks.json").json()["keys"]
        rotated = run(installation, "keys", "rotate")
        assert rotated.returncode == 0, rotated.stderr
        new = rotated.stdout.strip()

        def published() -> set[str]:
            return {key["kid"] for key in httpx.get(f"{product.url}/.well-known/jwks.json").json()["keys"]}

        await_true(lambda: new in published(), "the new key is not published")
        assert {key["kid"] for key in keys} <= published()
        me = httpx.get(f"{product.url}/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert me.status_code == 200

    def test_a_second_account_with_the_same_address_is_refused_in_a_sentence(
        self, product: Served, installation: dict[str, str]
    ) -> None:
        refused = run(
            {**installation, "HELPDESK_PASSWORD": ADMIN[1]}, "user", "create", "--email", ADMIN[0], "--name", "Again"
        )
        assert refused.returncode == 1
        assert refused.stderr.startswith("helpdesk: ")
        assert "Traceback" not in refused.stderr
        assert product.process.poll() is None

    def test_the_demo_data_stays_out_of_a_database_that_is_used(
        self, product: Served, installation: dict[str, str]
    ) -> None:
        refused = run(installation, "demo")
        assert refused.returncode == 1
        assert "not empty" in refused.stderr
        assert product.process.poll() is None

    def test_a_backup_restores(self, product: Served, installation: dict[str, str]) -> None:
        url = running_url(product.data_dir / "postgres")
        assert url is not None
        file = product.data_dir.parent / "backup"
        key = f"ab/{'0' * 30}ab"
        upload = product.data_dir / "files" / key
        upload.parent.mkdir(parents=True)
        upload.write_bytes(b"a picture")
        upload.chmod(0o640)
        done = run(installation, "backup", str(file))
        assert (done.returncode, "1 files" in done.stderr + done.stdout) == (0, True), done.stderr
        assert file.stat().st_mode & 0o077 == 0
        with tempfile.TemporaryDirectory(prefix="helpdesk-restore-") as name:
            Path(name).chmod(0o755)
            with EmbeddedPostgres(Path(name) / "data", durable=False) as other:
                folder = Path(name) / "elsewhere"
                target = {**installation, "HELPDESK_DATABASE_URL": other.url, "HELPDESK_DATA_DIR": str(folder)}
                restored = run(target, "restore", str(file))
                assert restored.returncode == 0, restored.stderr
                assert asyncio.run(glance(other.url)) == asyncio.run(glance(url))
                again = folder / "files" / key
                assert (again.read_bytes(), again.stat().st_mode & 0o777) == (b"a picture", 0o640)


class TestEndings:
    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
    def test_a_killed_parent_takes_all_with_it_the_next_start_recovers_and_sigterm_leaves_nothing(
        self, product: Served, installation: dict[str, str]
    ) -> None:
        children = processes_below(product.process.pid)
        names = sorted(name for name in children.values() if name.startswith("helpdesk-"))
        assert names == ["helpdesk-api", "helpdesk-api", "helpdesk-worker"]
        assert "postgres" in children.values()
        product.process.send_signal(signal.SIGKILL)
        product.process.wait(PATIENCE)
        await_true(lambda: not any(is_alive(found) for found in children), "a child outlived its parent")
        with serving({**installation, "HELPDESK_WORKERS": "1"}) as again:
            assert sign_in(again.url).status_code == 201
            children = processes_below(again.process.pid)
            names = sorted(name for name in children.values() if name.startswith("helpdesk-"))
            assert names == ["helpdesk-api", "helpdesk-worker"]
            again.process.send_signal(signal.SIGTERM)
            assert again.process.wait(PATIENCE) == 0
        assert [found for found in children if is_alive(found)] == []

    def test_a_taken_port_is_named(self, installation: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            refused = run({**installation, "HELPDESK_PORT": str(port)}, "serve")
        assert refused.returncode == 1
        assert f"127.0.0.1:{port} cannot be used" in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_a_database_out_of_reach_is_said_in_a_sentence(self, installation: dict[str, str]) -> None:
        refused = run({**installation, "HELPDESK_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "serve")
        assert refused.returncode == 1
        assert "out of reach" in refused.stderr
        assert "Traceback" not in refused.stderr


class TestProduction:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({}, "needs HELPDESK_DATABASE_URL"),
            ({"HELPDESK_DATABASE_URL": "postgresql://db/helpdesk"}, "needs a HELPDESK_SECRET_KEY"),
            ({"HELPDESK_DATABASE_URL": "postgresql://db/x", "HELPDESK_SECRET_KEY": "short"}, "at least 32 bytes"),
        ],
    )
    def test_it_refuses_what_suits_a_laptop(
        self, installation: dict[str, str], given: dict[str, str], words: str
    ) -> None:
        refused = run({**installation, "HELPDESK_ENV": "production", **given}, "serve")
        assert refused.returncode == 1
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_it_refuses_the_demo_passwords(self) -> None:
        with tempfile.TemporaryDirectory(prefix="helpdesk-demo-") as name:
            Path(name).chmod(0o755)
            with EmbeddedPostgres(Path(name) / "postgres", durable=False) as server:
                environment = environment_of(
                    Path(name) / "data",
                    free_port(),
                    HELPDESK_DATABASE_URL=server.url,
                    HELPDESK_SECRET_KEY="k" * 40,
                )
                (Path(name) / "data").mkdir()
                assert run(environment, "demo").returncode == 0
                refused = run({**environment, "HELPDESK_ENV": "production"}, "serve")
                assert refused.returncode == 1
                assert "the demo data's passwords" in refused.stderr
