"""Who may see whom: staff everybody, others themselves."""

from sqlalchemy import ColumnElement, true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.users.models import User


def readable(principal: Principal) -> ColumnElement[bool]:
    return true() if principal.is_staff else User.id == principal.user_id


def may_read(principal: Principal, user: User) -> bool:
    """The predicate of `readable`."""
    return principal.is_staff or user.id == principal.user_id
