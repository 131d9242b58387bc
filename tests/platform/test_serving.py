"""The rules of the parent that keeps processes running; `test_cli.py` sees them at work."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from fastapi import FastAPI

from helpdesk_api.api_process import configuration
from helpdesk_api.config import Settings
from helpdesk_api.database.embedded_identity import EmbeddedPostgresError
from helpdesk_api.serving import MAX_QUICK_ENDINGS, CannotServe, Child, Server, open_listener, own_url, run_once
from tests.end_to_end.served import free_port


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_an_idle_connection_is_closed_by_whoever_opened_it() -> None:
    # Clients keep theirs for 5 seconds, load balancers for 60: one that we close may carry a request at that moment.
    assert configuration(settings(), FastAPI()).timeout_keep_alive > 60


def await_end(child: Child) -> None:
    assert child.process is not None
    child.process.join(30)


def test_a_process_that_only_ever_ends_is_given_up() -> None:
    child = Child("broken", "tests.platform.children:broken")
    child.start(os.environ)
    for _ in range(MAX_QUICK_ENDINGS - 1):
        await_end(child)
        child.start_again(os.environ)
    await_end(child)
    with pytest.raises(CannotServe, match=f"the broken process ended {MAX_QUICK_ENDINGS} times in a row"):
        child.start_again(os.environ)


def test_one_that_lived_for_a_while_starts_with_a_clean_record() -> None:
    child = Child("sound", "tests.platform.children:sound")
    child.start(os.environ)
    await_end(child)
    child.quick_endings = MAX_QUICK_ENDINGS - 1
    child.started_at -= 60
    child.start_again(os.environ)
    assert child.quick_endings == 0
    await_end(child)


def test_one_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = Child("deaf", "tests.platform.children:deaf", (str(ready),))
    child.start(os.environ)
    while not ready.exists():
        assert not child.has_ended()
        time.sleep(0.01)
    child.signal(signal.SIGTERM)
    child.wait(time.monotonic())
    assert child.process is not None
    assert child.process.exitcode == -signal.SIGKILL


def test_one_that_prepares_says_that_it_failed() -> None:
    here = settings(database_url="postgresql://here/x", secret_key="x" * 32)
    run_once("tests.platform.children:sound", here)
    with pytest.raises(CannotServe, match="broken failed"):
        run_once("tests.platform.children:broken", here)


def test_a_child_knows_what_its_parent_set_up(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child = Child("worker", "tests.platform.children:tell", (str(told),))
    child.start({"HELPDESK_DATABASE_URL": "postgresql://here/x"})
    await_end(child)
    group, name, environment = told.read_text().splitlines()
    assert child.process is not None
    assert int(group) == child.process.pid
    assert name == "helpdesk-worker"
    assert environment == "['HELPDESK_DATABASE_URL', 'PROMETHEUS_MULTIPROC_DIR']"


@pytest.mark.parametrize("is_ready", [False, True])
def test_a_database_that_ended_ends_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_ready: bool) -> None:
    ready = tmp_path / "ready"
    child = Child("patient", "tests.platform.children:patient", (str(ready),))
    monkeypatch.setattr(Server, "_plan", lambda *_: [child])
    if is_ready:
        monkeypatch.setattr(Server, "_await_ready", lambda _: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def gone() -> None:
        while not ready.exists():
            assert not child.has_ended()
            time.sleep(0.01)
        raise EmbeddedPostgresError

    here = settings(database_url="postgresql://here/x", secret_key="x" * 32, port=free_port())
    try:
        with pytest.raises(EmbeddedPostgresError):
            Server(here, workers=1, with_worker=False, check=gone).run(lambda: None)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert child.process is not None
    assert child.process.exitcode == -signal.SIGTERM


def test_the_listener_takes_the_port_for_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotServe, match=f"127.0.0.1:{port} cannot be used"):
            open_listener(settings(port=port))


def test_a_host_that_is_nobodys_is_named() -> None:
    with pytest.raises(CannotServe, match=r"192\.0\.2\.1:\d+ cannot be used"):
        open_listener(settings(host="192.0.2.1"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("desk.example.com", "http://desk.example.com:8000"),
    ],
)
def test_own_url_is_one_that_this_machine_can_open(host: str, url: str) -> None:
    assert own_url(settings(host=host)) == url
