"""What can be wrong with a request about jobs."""

from helpdesk_api.web.errors import Conflict, NotFound


class JobNotFound(NotFound):
    code = "job_not_found"
    title = "There is no such job"
    default_detail = "Finished jobs leave the queue."


class JobNotFailed(Conflict):
    code = "job_not_failed"
    title = "Only a failed job can be queued again"


class JobSuperseded(Conflict):
    code = "job_superseded"
    title = "The same work is queued already"
    default_detail = "Another job with the same key waits or runs, and does what this one would."
