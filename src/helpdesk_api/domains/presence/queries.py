"""Who is there now."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.database import clock
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.presence.models import TicketPresence
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import whole_page

_MOST = 50


def present(ticket_id: UUID) -> AnySelect:
    return (
        select(User.id, User.name, TicketPresence.state, TicketPresence.since, TicketPresence.expires_at)
        .join(User, User.id == TicketPresence.user_id)
        .where(TicketPresence.ticket_id == ticket_id, TicketPresence.expires_at > clock.now())
        .order_by(TicketPresence.since, User.id)
        .limit(_MOST)
    )


def shown(rows: Any) -> dict[str, Any]:
    """Rows of `present` as a page."""
    return whole_page(
        [
            {
                "user": {"id": row["id"], "name": row["name"]},
                "state": row["state"],
                "since": row["since"],
                "expires_at": row["expires_at"],
            }
            for row in rows
        ]
    )
