"""A small run of the chaos: everything is killed and started again, and everybody still gets what is theirs, once."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.forking import python

ROOT = Path(__file__).parents[2]
SECONDS = "12"
pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]


def test_whatever_dies_nothing_is_lost_and_nothing_comes_twice() -> None:
    """In a process of its own: it runs on settings and a clock of its own."""
    command = [python(), "-m", "tests.end_to_end.chaos", "--seconds", SECONDS, "--pace", "0.3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-5_000:]
    kills = [int(number) for number in re.findall(r"'(?:api|worker)-\d': (\d+)", done.stdout)]
    assert len(kills) == 4
    assert min(kills) >= 2
    events = re.search(r"^(\d+) events", done.stdout, flags=re.MULTILINE)
    assert events is not None
    assert int(events[1]) > 30, done.stdout
