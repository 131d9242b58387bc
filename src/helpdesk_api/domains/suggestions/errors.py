"""What can be wrong with a request about suggestions."""

from helpdesk_api.web.errors import NotFound, Unprocessable


class SuggestionNotFound(NotFound):
    code = "suggestion_not_found"
    title = "There are no such suggestions, or they were not shown to you"


class DeflectedWithTicket(Unprocessable):
    code = "deflected_with_ticket"
    title = "Who opened a ticket was not spared one"
    remedy = "Tell `ticket_opened`, or leave the ticket out."


class ReportSpanInvalid(Unprocessable):
    code = "report_span_invalid"
    title = "The span of a report ends after it begins"
    default_detail = "`until` lies after `since`, and at most 400 days after it."
