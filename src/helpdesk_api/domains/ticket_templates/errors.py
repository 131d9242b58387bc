"""What can be wrong with a request about ticket templates."""

from helpdesk_api.web.errors import Conflict, NotFound


class TicketTemplateNotFound(NotFound):
    code = "ticket_template_not_found"
    title = "There is no such ticket template, or it is not yours to see"


class TooManyTicketTemplates(Conflict):
    code = "too_many_ticket_templates"
    title = "Nobody finds their way among more ticket templates than this"
