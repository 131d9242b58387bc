"""Log lines, as a process writes them to standard error."""

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging, sys
import structlog
from helpdesk_api.config import Settings
from helpdesk_api.logs import configure_logging
from helpdesk_api.web import trace

settings = Settings(_env_file=None, env="test", log_format=sys.argv[1], log_level="INFO")
configure_logging(settings)
configure_logging(settings)
trace.request_id.set("request-0001")

def fail(password):
    raise ValueError("no such door")

structlog.get_logger("helpdesk_api.test").info("door_opened", door=7)
logging.getLogger("some.library").warning("said %s", "something")
logging.getLogger("uvicorn").info("chatter")
structlog.get_logger("helpdesk_api.test").debug("detail")
try:
    fail("hunter" + "-two")
except ValueError:
    structlog.get_logger("helpdesk_api.test").exception("door_stuck")
"""


def lines(kind: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "hunter-two" not in done.stderr
    return done.stderr.splitlines()


def test_json_is_one_object_a_line_with_the_request() -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in lines("json")]
    assert [entry["event"] for entry in found] == ["door_opened", "said something", "door_stuck"]
    assert {entry["request_id"] for entry in found} == {"request-0001"}
    assert found[0]["door"] == 7
    assert found[0]["level"] == "info"
    assert found[0]["logger"] == "helpdesk_api.test"
    assert found[0]["timestamp"].endswith("Z")
    assert found[2]["exception"][0]["exc_value"] == "no such door"


def test_console_shows_a_plain_traceback() -> None:
    text = "\n".join(lines("console"))
    assert "door_opened" in text
    assert "ValueError: no such door" in text
    assert "chatter" not in text
