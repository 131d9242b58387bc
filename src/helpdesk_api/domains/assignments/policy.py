"""Who may set whose availability, and who sees how work is routed."""

from helpdesk_api.authorization.grants import Grants
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.assignments.errors import AvailabilityForbidden, StaffOnly


def may_set_availability(principal: Principal, agent: Grants) -> bool:
    """Their own, that of members of a team they lead, and an admin everybody's."""
    return (
        principal.is_admin
        or principal.user_id == agent.user_id
        or not principal.led_team_ids.isdisjoint(agent.team_ids)
    )


def require_availability(principal: Principal, agent: Grants) -> None:
    """Raises `availability_forbidden`."""
    if not (principal.is_staff and may_set_availability(principal, agent)):
        raise AvailabilityForbidden


def require_staff(principal: Principal) -> None:
    """Raises `staff_only`."""
    if not principal.is_staff:
        raise StaffOnly
