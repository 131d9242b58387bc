"""What can be wrong with a request about drafts."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound


class DraftNotFound(NotFound):
    code = "draft_not_found"
    title = "There is no such draft, or it is not yours to see"
    remedy = "Look at the ticket's comments: a draft that was sent is one of them."


class DraftForbidden(Forbidden):
    code = "draft_forbidden"
    title = "Only its author shares a draft, or takes it back"


class TooManyDrafts(Conflict):
    code = "too_many_drafts"
    title = "There are enough drafts on this ticket"
    remedy = "Send one, or delete one."
