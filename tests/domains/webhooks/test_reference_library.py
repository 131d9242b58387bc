"""Signatures as the reference library of receivers in JavaScript checks them; the one in Python is used throughout."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from helpdesk_api.database.session import Database
from helpdesk_api.integrations.http.fake import FakeCaller
from tests.domains.webhooks import javascript
from tests.domains.webhooks.desk import happen, hooked, relay, sent
from tests.factories.records import Make


@pytest.fixture(scope="module")
def verifier() -> Path:
    """The program beside its one pinned library."""
    kit = javascript.standard_webhooks()
    shutil.copy(javascript.PROGRAM / "verify.js", kit)
    return kit


def verify(kit: Path, secret: str, headers: dict[str, str], body: bytes) -> subprocess.CompletedProcess[str]:
    given = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
    return subprocess.run(
        [javascript.tool("node"), "verify.js"],
        check=False,
        cwd=kit,
        input=given,
        capture_output=True,
        text=True,
        timeout=javascript.PATIENCE_SECONDS,
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
