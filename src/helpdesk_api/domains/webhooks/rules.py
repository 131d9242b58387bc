"""When a delivery is tried again, when a receiver is held to be down, and what may be done with a webhook."""

from datetime import datetime, timedelta
from typing import Any, Final

from helpdesk_api.domains.webhooks.enums import WebhookAction, WebhookRefusal

# Standard Webhooks: the pause before each attempt, counted from the end of the one before.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# Up to a tenth longer, so that receivers that failed together are not called together.
JITTER: Final = 0.1

OPENS_AFTER_FAILURES: Final = 10
OPENS_AFTER: Final = timedelta(seconds=30)
FIRST_PROBE: Final = timedelta(seconds=30)
LAST_PROBE: Final = timedelta(minutes=15)
DISABLED_AFTER: Final = timedelta(days=5)


def next_attempt(step: int, now: datetime, chance: float) -> datetime | None:
    """When, after `step` attempts of the schedule; None after the last. `chance` is from 0 to 1."""
    if step >= len(PAUSES):
        return None
    return now + PAUSES[step] * (1 + JITTER * chance)


def opens(failures: int, failing_since: datetime, now: datetime) -> bool:
    """A burst of failures is not enough, and neither are a few over a long time."""
    return failures >= OPENS_AFTER_FAILURES and now - failing_since >= OPENS_AFTER


def next_probe(probes: int, now: datetime, chance: float) -> datetime:
    """Twice the pause each time, up to a limit."""
    doublings = 1 << min(probes, 16)
    pause = min(FIRST_PROBE * doublings, LAST_PROBE)
    return now + pause * (1 + JITTER * chance)


def is_hopeless(circuit_opened_at: datetime | None, now: datetime) -> bool:
    return circuit_opened_at is not None and now - circuit_opened_at >= DISABLED_AFTER


def allowed_actions(*, may_write: bool, is_active: bool) -> list[dict[str, Any]]:
    """As an answer shows them: whoever reads a webhook is its owner or an administrator, and looks after it."""
    needs = {WebhookAction.REPLAY: ["from", "to"]}
    posting = {WebhookAction.TEST, WebhookAction.REPLAY}
    actions = []
    for action in WebhookAction:
        stopped = action in posting and not is_active
        reason = WebhookRefusal.SCOPE_MISSING if not may_write else WebhookRefusal.INACTIVE if stopped else None
        fields = needs.get(action, [])
        actions.append({"action": action, "allowed": reason is None, "reason_code": reason, "required_fields": fields})
    return actions
