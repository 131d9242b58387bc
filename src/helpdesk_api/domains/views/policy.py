"""Who has a view in their list, and who looks after it: as of all that the staff shares, and a requester's own."""

from uuid import UUID

from sqlalchemy import ColumnElement

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.tickets import sharing
from helpdesk_api.domains.tickets.sharing import SharingScope
from helpdesk_api.domains.views.enums import ViewScope
from helpdesk_api.domains.views.models import View


def readable(principal: Principal) -> ColumnElement[bool]:
    """Which question a view asks says nothing of the answer: that depends on who asks."""
    if principal.is_staff:
        return sharing.readable(principal, View)
    return (View.scope == ViewScope.PERSONAL) & (View.owner_id == principal.user_id)


def may_write(principal: Principal, scope: ViewScope, owner_id: UUID, team_id: UUID | None) -> bool:
    if principal.is_staff:
        return sharing.may_write(principal, SharingScope(scope), owner_id, team_id)
    return scope is ViewScope.PERSONAL and owner_id == principal.user_id
