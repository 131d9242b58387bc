"""What follows at once from changes of people."""

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.authentication import actions
from helpdesk_api.domains.authentication.models import PasswordLinkKind
from helpdesk_api.domains.users.events import UserCreated, UserDeactivated
from helpdesk_api.domains.users.models import UserKind


async def end_sessions(session: AsyncSession, principal: Principal, event: UserDeactivated) -> None:
    """A deactivated user's tokens die with the commit."""
    del principal
    await actions.end_sessions(session, event.subject_id)


async def invite(session: AsyncSession, principal: Principal, event: UserCreated) -> None:
    """A person whom somebody added is mailed a link to set a password; the command line sets one itself."""
    if event.entity.kind is UserKind.USER and principal.kind != "system":
        await actions.open_password_link(session, principal, event.entity, PasswordLinkKind.INVITATION)
