"""Bodies as senders really post them, read in place; a test that needs one is skipped where they are absent."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

MATERIAL = Path(os.environ.get("HELPDESK_TEST_MATERIAL", Path(__file__).parents[4] / "shared")) / "payloads"


def requests_of(name: str) -> list[dict[str, Any]]:
    """The captured requests of a file, in order: `headers` and `body`, among others."""
    return [json.loads(line) for line in _text(name).splitlines() if line.strip()]


def body_of(name: str) -> str:
    return _text(name)


def _text(name: str) -> str:
    path = MATERIAL / name
    if not path.exists():
        pytest.skip(f"no captured bodies here: {name}; HELPDESK_TEST_MATERIAL names another place")
    return path.read_text(encoding="utf-8")
