"""What can be wrong with many changes at once."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class BulkRolledBack(Conflict):
    """`errors` names each item that failed, and why."""

    code = "bulk_rolled_back"
    title = "One part failed, so nothing was changed"
    remedy = "Correct or leave out the items that `errors` points at, or send them without `atomic`."


class BulkJobNotFound(NotFound):
    code = "bulk_job_not_found"
    title = "There is no such bulk job, or somebody else has asked for it"
    remedy = "Jobs are forgotten 30 days after they have ended."


class BulkJobEnded(Conflict):
    code = "bulk_job_ended"
    title = "It has ended already"


class BulkTargetUnclear(Unprocessable):
    code = "bulk_target_unclear"
    title = "Either tickets are named, or a question is asked together with its expected count"


class CountChanged(Conflict):
    """So that nobody changes more tickets than they looked at."""

    code = "count_changed"
    title = "The question finds another number of tickets now"
    remedy = "Look again, and send the new `expected_count`; `params.count` is the present one."
