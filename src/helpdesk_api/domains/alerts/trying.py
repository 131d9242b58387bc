"""What a body would do: it is taken as any other, looked at, and undone."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.domains.alerts.alert_schemas import AlertTest
from helpdesk_api.domains.alerts.intake import settings_of
from helpdesk_api.domains.alerts.queries import Integration
from helpdesk_api.domains.alerts.senders import Incoming, read_alerts
from helpdesk_api.domains.alerts.taking import Result, take_alerts

_OF_TICKET = ("subject", "priority", "category_id", "team_id", "assignee_id", "affected_service")


class _Undone(Exception):
    """Ends the savepoint."""


async def try_alerts(
    session: AsyncSession, database: Database, integration: Integration, body: AlertTest
) -> list[dict[str, Any]]:
    """Raises `unreadable_alert` and `alert_body_too_large`. A ticket's number is used up; that is all that stays."""
    headers = {name.lower(): value for name, value in (body.request_headers or {}).items()}
    incoming = Incoming(body.body.encode("utf-8", "replace"), body.content_type, headers)
    facts = read_alerts(integration.kind, incoming, settings_of(integration))
    with suppress(_Undone):
        async with savepoint(session):
            shown = _shown(await take_alerts(session, database, integration, facts))
            raise _Undone
    return shown


def _shown(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [
        {
            "dedup_key": one.fact.dedup_key,
            "action": one.fact.action,
            "outcome": one.outcome,
            "reason": one.reason,
            "detail": one.detail,
            "summary": one.fact.summary,
            "severity": one.fact.severity,
            "source": one.fact.source,
            "labels": dict(one.fact.labels),
            "started_at": one.fact.started_at,
            **{name: getattr(one.ticket, name) if one.ticket is not None else None for name in _OF_TICKET},
        }
        for one in results
    ]
