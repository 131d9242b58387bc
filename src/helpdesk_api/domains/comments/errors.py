"""What can be wrong with a comment."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class CommentNotFound(NotFound):
    code = "comment_not_found"
    title = "There is no such comment"
    default_detail = "It does not exist, or it is not yours to see."


class NotTheAuthor(Forbidden):
    code = "not_the_author"
    title = "Only its author edits a comment"


class EditWindowPassed(Conflict):
    code = "edit_window_passed"
    title = "It is too late to edit this comment"


class MentionCannotRead(Unprocessable):
    code = "mention_cannot_read"
    title = "A mentioned person could not read this"
