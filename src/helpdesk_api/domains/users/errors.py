"""What can be wrong with a request about people."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class UserNotFound(NotFound):
    code = "user_not_found"
    title = "There is no such user"
    default_detail = "They do not exist, or are not yours to see."


class EmailTaken(Conflict):
    code = "email_taken"
    title = "Somebody else has this e-mail address"


class UserExternalIdTaken(Conflict):
    code = "user_external_id_taken"
    title = "This external id is already a user"


class LastAdmin(Conflict):
    code = "last_admin"
    title = "One active administrator must remain"


class ManagerCycle(Unprocessable):
    code = "manager_cycle"
    title = "Nobody can be their own manager, not even by way of others"


class InvalidEmail(Unprocessable):
    code = "invalid_email"
    title = "This is not an e-mail address"


class UnknownTimeZone(Unprocessable):
    code = "unknown_time_zone"
    title = "This is not an IANA time zone"
