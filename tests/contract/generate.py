"""Writes the document, or checks that the written one is what the application generates now.

python -m tests.contract.generate openapi/helpdesk.v1.json
python -m tests.contract.generate --check openapi/helpdesk.v1.json
"""

import difflib
import itertools
import sys
from pathlib import Path

from helpdesk_api.config import Settings
from helpdesk_api.main import create_app
from helpdesk_api.web.openapi import build_document, render

SHOWN_LINES = 60


def generated() -> bytes:
    """The document of the application as its wiring stands; no database is needed for it."""
    return render(build_document(create_app(Settings(env="test", secret_key="x" * 40))))


def main(arguments: list[str]) -> int:
    path = Path(arguments[-1])
    made = generated()
    if arguments[0] != "--check":
        path.write_bytes(made)
        return 0
    written = path.read_bytes() if path.exists() else b""
    if written == made:
        return 0
    difference = difflib.unified_diff(
        written.decode().splitlines(),
        made.decode().splitlines(),
        "checked in",
        "generated",
        lineterm="",
        n=2,
    )
    sys.stdout.write("\n".join(itertools.islice(difference, SHOWN_LINES)) + "\nWrite it with `make openapi`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
