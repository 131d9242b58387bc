"""What can be wrong with a request about organizations."""

from helpdesk_api.web.errors import Conflict, NotFound


class OrganizationNotFound(NotFound):
    code = "organization_not_found"
    title = "There is no such organization"


class OrganizationExternalIdTaken(Conflict):
    code = "organization_external_id_taken"
    title = "This external id is already an organization"
