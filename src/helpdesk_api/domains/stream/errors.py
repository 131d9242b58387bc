"""What can be wrong with a request to follow the log."""

from helpdesk_api.web.errors import Unprocessable


class ViewNotFollowed(Unprocessable):
    """Whether a ticket is in it takes a search, which no event can stand for."""

    code = "view_not_followed"
    title = "This view cannot be followed"
    remedy = (
        "Follow a view without full text, custom fields and `is:watched` or `is:shared`; or read it again at times."
    )
