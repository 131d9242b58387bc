"""What follows at once from changes of people."""

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.teams import actions
from helpdesk_api.domains.users.events import UserUpdated


async def leave_teams(session: AsyncSession, principal: Principal, event: UserUpdated) -> None:
    """Teams are staff's: who leaves the staff leaves their teams with the same commit."""
    if "role" in event.changes and event.entity.role not in STAFF_ROLES:
        await actions.remove_from_all_teams(session, principal, event.subject_id)
