"""What can be wrong with a request about canned responses."""

from helpdesk_api.web.errors import Conflict, NotFound


class CannedResponseNotFound(NotFound):
    code = "canned_response_not_found"
    title = "There is no such canned response, or it is not yours to see"


class TooManyCannedResponses(Conflict):
    code = "too_many_canned_responses"
    title = "Nobody finds their way among more canned responses than this"
