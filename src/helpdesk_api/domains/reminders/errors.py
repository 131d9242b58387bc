"""What can be wrong with a request about reminders."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class ReminderNotFound(NotFound):
    code = "reminder_not_found"
    title = "There is no such reminder, or it is not yours to see"


class RemindInPast(Unprocessable):
    code = "remind_in_past"
    title = "A reminder lies in the future"


class TooManyReminders(Conflict):
    code = "too_many_reminders"
    title = "There are enough reminders of this ticket"
    default_detail = "A ticket has at most 50 that are still to come."
