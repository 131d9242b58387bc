"""Who may configure a team: administrators every one, supervisors theirs."""

from uuid import UUID

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal


def may_configure(principal: Principal, team_id: UUID) -> bool:
    if not principal.has(Permission.TEAMS_WRITE):
        return False
    return principal.is_admin or team_id in principal.team_ids
