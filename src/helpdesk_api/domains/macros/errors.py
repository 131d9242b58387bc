"""What can be wrong with a request about macros."""

from helpdesk_api.web.errors import Conflict, NotFound


class MacroNotFound(NotFound):
    code = "macro_not_found"
    title = "There is no such macro, or it is not yours to see"


class MacroNotOffered(Conflict):
    """A macro is offered while its conditions hold for the ticket and whoever applies it."""

    code = "macro_not_offered"
    title = "This macro is not for such a ticket"
    remedy = "`GET /v1/tickets/{ticket_id}/macros` lists those that are offered now."


class TooManyMacros(Conflict):
    """One's own, each team's and the shared ones are counted apart: 500 of each."""

    code = "too_many_macros"
    title = "Nobody finds their way among more macros than this"
