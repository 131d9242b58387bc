"""What can be wrong with many changes at once."""

from helpdesk_api.web.errors import Conflict, Unprocessable


class TicketRepeated(Unprocessable):
    """Several steps on one ticket stand in one item, in their order."""

    code = "ticket_repeated"
    title = "The same ticket is named twice"


class BulkRolledBack(Conflict):
    """`errors` names each item that failed, and why."""

    code = "bulk_rolled_back"
    title = "One part failed, so nothing was changed"
    remedy = "Correct or leave out the items that `errors` points at, or send them without `atomic`."
