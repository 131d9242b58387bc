"""What follows at once from changes of people."""

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.authentication import actions, credentials
from helpdesk_api.domains.authentication.models import PasswordLinkKind
from helpdesk_api.domains.users.events import UserCreated, UserDeactivated, UserReactivated
from helpdesk_api.domains.users.models import UserKind


async def shut_out(session: AsyncSession, principal: Principal, event: UserDeactivated) -> None:
    """A deactivated user's tokens and keys die with the commit."""
    await actions.end_sessions(session, event.subject_id)
    await credentials.revoke_api_keys(session, principal, event.subject_id)


async def revoke_keys(session: AsyncSession, principal: Principal, event: UserReactivated) -> None:
    """Of somebody who left when keys were not yet revoked with that: they do not come back by themselves either."""
    await credentials.revoke_api_keys(session, principal, event.subject_id)


async def invite(session: AsyncSession, principal: Principal, event: UserCreated) -> None:
    """A person whom somebody added is mailed a link to set a password; the command line sets one itself."""
    if event.entity.kind is UserKind.USER and principal.kind != "system":
        await actions.open_password_link(session, principal, event.entity, PasswordLinkKind.INVITATION)
