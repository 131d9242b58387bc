"""The example clients, compiled against the contract and run against the served product: each screen is one call."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.served import Served

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]
DESK = {"queue", "view counts", "ticket", "reply by macro", "merge", "search"}
PORTAL = {"catalogue", "form", "my requests", "my organization's requests", "reopen", "attach", "reply", "request"}
PORTAL |= {"attach a picture", "describe", "pictures"}
SCREENS = DESK | PORTAL


def test_both_workspaces_are_built_on_the_contract_alone(product: Served) -> None:
    done = subprocess.run(
        [str(ROOT / "tests/contract/run-examples"), product.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    calls = dict(re.findall(r"^== (.+) \((\d+) calls?\)$", done.stdout, flags=re.MULTILINE))
    assert {screen: calls.get(screen) for screen in SCREENS} == dict.fromkeys(SCREENS, "1")
    assert "8 of 8 changes are there" in done.stdout
    assert "Hello Nora, please try again." in done.stdout
    assert "first invalid_custom_fields at #/custom_fields/model" in done.stdout
    assert "Nora Fairling: A laptop for the new baker" in done.stdout
    assert "reopened 1 times" in done.stdout
    assert "Here is what it says. (vpn.txt)" in done.stdout
    assert "1 of 2 files are shown in the text\n   without a token: 200 image/png" in done.stdout
    assert "closed, rated 5" in done.stdout
