"""The README's tour, line by line, against the served product."""

from pathlib import Path

import httpx
import pytest

from helpdesk_api.demo_accounts import DEMO_SIGN_INS
from tests.end_to_end.documents import Stop, chapter, stops, walk
from tests.end_to_end.served import Served

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "API=http://127.0.0.1:8000"
WELCOME_LINES = 15
pytestmark = pytest.mark.timeout(300)


def tour() -> list[Stop]:
    return stops(chapter(README, "A tour in five minutes"))


def test_the_tour_prints_what_the_readme_says(product: Served) -> None:
    way = tour()
    commands = [command for stop in way for command in stop.commands]
    assert sum("curl" in command or "call $" in command for command in commands) >= 18
    assert commands[0] == ADDRESS
    printed = walk([f"API={product.url}", *commands[1:]])
    assert len(printed) == len(commands)
    for stop in way:
        output = "".join(printed[: len(stop.commands)])
        del printed[: len(stop.commands)]
        assert output.splitlines() == stop.expected, stop.commands


def test_the_tour_names_everything_that_a_ticket_goes_through() -> None:
    lines = "\n".join(command for stop in tour() for command in stop.commands)
    for step in ("/v1/sessions", "/v1/tickets ", "/assignments", '"internal"', "/resolve", "/confirm", "/history"):
        assert step in lines


def test_what_it_prints_when_it_is_ready(product: Served) -> None:
    """At most fifteen lines: addresses, one sign-in per role, and a line that works when pasted."""
    log = product.log.read_text()
    welcome = [line for line in log[log.index("Helpdesk API is ready") :].splitlines() if line.strip()]
    assert len(welcome) <= WELCOME_LINES
    assert f"{product.url}/docs" in "\n".join(welcome)
    for role, (email, password) in DEMO_SIGN_INS.items():
        assert any(role in line and email in line and password in line for line in welcome)
        reply = httpx.post(f"{product.url}/v1/sessions", json={"email": email, "password": password})
        assert reply.status_code == 201
        assert reply.json()["user"]["role"] == role
    (pasted,) = [line.strip() for line in welcome if line.strip().startswith("curl ")]
    assert '"access_token"' in walk([pasted])[0]
