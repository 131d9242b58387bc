"""Secrets and signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body."""

import base64
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook as Signer

from helpdesk_api.authorization.secret_box import opens, seal, unseal
from helpdesk_api.database.ids import public_id

SECRET_PREFIX = "whsec_"  # noqa: S105 - a mark, not a secret
_SECRET_BYTES = 32
_PURPOSE = "webhook"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sealed(secret: str) -> str:
    return seal(secret, _PURPOSE)


def is_readable(sealed_secret: str) -> bool:
    """Whether the process has the HELPDESK_SECRET_KEY that it was sealed with."""
    return opens(sealed_secret, _PURPOSE)


def live_secrets(row: Any, now: datetime) -> list[str]:
    """The present one first; the one before as long as it lives. `row` has a webhook's columns.

    Raises WrongSecretKey for the present one alone: one before that does not open must not hold up its successor.
    """
    found = [unseal(row["sealed_secret"], _PURPOSE)]
    previous, expires_at = row["sealed_previous_secret"], row["previous_secret_expires_at"]
    if previous is not None and expires_at is not None and expires_at > now and is_readable(previous):
        found.append(unseal(previous, _PURPOSE))
    return found


def headers_of(
    *, delivery_id: UUID, event_id: UUID, trace_id: str | None, body: bytes, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """One signature for each secret, so that a receiver may change over whenever it likes."""
    name = public_id("whd", delivery_id)
    signatures = [Signer(secret).sign(name, now, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "helpdesk-webhooks/1",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "traceparent": _traceparent(trace_id, event_id, delivery_id),
    }


def _traceparent(trace_id: str | None, event_id: UUID, delivery_id: UUID) -> str:
    """The trace of the request that made the event (W3C Trace Context), else one of the event's own."""
    trace = trace_id if trace_id is not None and _TRACE_ID.fullmatch(trace_id) else event_id.hex
    return f"00-{trace}-{delivery_id.hex[-16:]}-01"
