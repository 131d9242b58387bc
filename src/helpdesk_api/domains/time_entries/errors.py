"""What can be wrong with a request about time entries."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class TimeEntryNotFound(NotFound):
    code = "time_entry_not_found"
    title = "There is no such time entry on this ticket"


class TimeEntryForbidden(Forbidden):
    code = "time_entry_forbidden"
    title = "An entry is changed by whoever made it, or by those who administer tickets"


class TimerRunning(Conflict):
    """One works on one thing at a time."""

    code = "timer_running"
    title = "Your timer runs already"
    remedy = "Stop it first: `GET /v1/time-entries?is_running=true` names it."


class TimerNotRunning(Conflict):
    code = "timer_not_running"
    title = "This timer was stopped already"


class TimerStillRunning(Conflict):
    code = "timer_still_running"
    title = "The time is not known while the timer runs"
    remedy = "Stop it first."


class TimeRateRepeated(Unprocessable):
    code = "time_rate_repeated"
    title = "The same person or team has two rates"


class WorkInFuture(Unprocessable):
    code = "work_in_future"
    title = "This cannot have been done yet"
