"""Signatures as the reference library of receivers in JavaScript checks them; the one in Python is used throughout."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from helpdesk_api.database.session import Database
from helpdesk_api.integrations.http.fake import FakeCaller
from tests.domains.webhooks.desk import happen, hooked, relay, sent
from tests.factories.records import Make

PROGRAM = Path(__file__).parents[2] / "contract" / "webhooks"
PATIENCE_SECONDS = 120


def _tool(name: str) -> str:
    bundled = Path(sys.executable).parent / name
    found = str(bundled) if bundled.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}, which the development lock installs")
    return found


@pytest.fixture(scope="module")
def verifier() -> Path:
    """The program with its one pinned library, installed once per lock file outside the repository."""
    node, npm = _tool("node"), _tool("npm")
    lock = (PROGRAM / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kit = cache / "helpdesk-contract" / f"webhooks-{hashlib.sha256(lock).hexdigest()[:16]}"
    kit.mkdir(parents=True, exist_ok=True)
    with (kit / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (kit / ".ready").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PROGRAM / name, kit)
            path = f"{Path(node).parent}:{os.environ['PATH']}"
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=kit, env={**os.environ, "PATH": path}, check=True, timeout=PATIENCE_SECONDS)
            (kit / ".ready").touch()
        shutil.copy(PROGRAM / "verify.js", kit)
    return kit


def verify(kit: Path, secret: str, headers: dict[str, str], body: bytes) -> subprocess.CompletedProcess[str]:
    given = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
    return subprocess.run(
        [_tool("node"), "verify.js"],
        check=False,
        cwd=kit,
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


async def test_a_receiver_in_javascript_verifies_both_secrets_and_refuses_what_was_changed(
    verifier: Path, admin_client: httpx.AsyncClient, a_ticket: Make, database: Database
) -> None:
    ticket = await a_ticket(subject="Drucker müht sich 🎫")
    await relay(database)
    made = await hooked(admin_client, event_types=["ticket.updated"])
    fresh = (await admin_client.post(f"/v1/webhooks/{made['id']}/rotate-secret")).json()
    await happen(database, ticket)
    caller = FakeCaller()
    await sent(database, caller)
    [posted] = caller.posted
    headers = dict(posted.headers)
    for secret in (made["secret"], fresh["secret"]):
        told = verify(verifier, secret, headers, posted.body)
        assert (told.returncode, told.stdout) == (0, "ticket.updated"), told.stderr
    changed = verify(verifier, fresh["secret"], headers, posted.body.replace(b"ticket.updated", b"ticket.created"))
    assert changed.returncode != 0
    assert "No matching signature found" in changed.stderr
    other = verify(verifier, made["secret"][:-5] + "AAAA=", headers, posted.body)
    assert "No matching signature found" in other.stderr
