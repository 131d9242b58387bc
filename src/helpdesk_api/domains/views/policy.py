"""Who has a view in their list, and who looks after it."""

from uuid import UUID

from sqlalchemy import ColumnElement, or_

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.teams.policy import may_configure
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.domains.views.enums import ViewScope
from helpdesk_api.domains.views.models import View


def readable(principal: Principal) -> ColumnElement[bool]:
    """Which question a view asks says nothing of the answer: that depends on who asks."""
    own: ColumnElement[bool] = (View.scope == ViewScope.PERSONAL) & (View.owner_id == principal.user_id)
    if not principal.is_staff:
        return own
    of_team = View.scope == ViewScope.TEAM
    if not principal.is_admin:
        of_team &= any_of(View.team_id, principal.team_ids)
    return or_(own, of_team, View.scope == ViewScope.SHARED)


def may_write(principal: Principal, scope: ViewScope, owner_id: UUID, team_id: UUID | None) -> bool:
    if scope is ViewScope.PERSONAL:
        return owner_id == principal.user_id
    if scope is ViewScope.TEAM:
        return team_id is not None and may_configure(principal, team_id)
    return principal.has(Permission.CONFIGURATION_WRITE)
