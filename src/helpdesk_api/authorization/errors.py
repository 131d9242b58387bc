"""Refusals of identity and of rights."""

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.web.errors import Forbidden, Unauthenticated


class MissingCredentials(Unauthenticated):
    code = "missing_credentials"
    title = "Sign in first"
    default_detail = "Send an access token or an API key as `Authorization: Bearer …`."


class MissingScope(Forbidden):
    code = "missing_scope"
    title = "A right is missing"

    def __init__(self, permission: Permission | str) -> None:
        super().__init__(
            f"This needs the scope {permission}.",
            params={"required_scope": str(permission)},
        )
        self.required_scope = str(permission)
