"""Permissions are the scopes of the contract; a role is a set of them."""

from enum import StrEnum


class Permission(StrEnum):
    """A right that a route names, a role holds, and a token or key may be limited to."""

    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    TICKETS_ADMIN = "tickets:admin"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TEAMS_READ = "teams:read"
    TEAMS_WRITE = "teams:write"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_WRITE = "organizations:write"
    CONFIGURATION_READ = "configuration:read"
    CONFIGURATION_WRITE = "configuration:write"
    ARTICLES_READ = "articles:read"
    ARTICLES_WRITE = "articles:write"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    API_KEYS_WRITE = "api_keys:write"
    OPERATIONS_READ = "operations:read"
    OPERATIONS_WRITE = "operations:write"
    IMPORT = "import"


class Role(StrEnum):
    """What a person is to the service desk."""

    REQUESTER = "requester"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


_REQUESTER = frozenset(
    {
        Permission.TICKETS_READ,
        Permission.TICKETS_WRITE,
        Permission.USERS_READ,
        Permission.CONFIGURATION_READ,
        Permission.ARTICLES_READ,
        Permission.EVENTS_READ,
        Permission.WEBHOOKS_READ,
        Permission.WEBHOOKS_WRITE,
        Permission.API_KEYS_WRITE,
    }
)
_AGENT = _REQUESTER | {Permission.TEAMS_READ, Permission.ORGANIZATIONS_READ, Permission.ARTICLES_WRITE}
_SUPERVISOR = _AGENT | {Permission.TICKETS_ADMIN, Permission.TEAMS_WRITE}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.REQUESTER: _REQUESTER,
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: frozenset(Permission),
}
STAFF_ROLES = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})
