"""What can be wrong with a request about a checklist."""

from helpdesk_api.web.errors import Conflict, NotFound


class ChecklistItemNotFound(NotFound):
    code = "checklist_item_not_found"
    title = "This ticket's checklist has no such item"


class TooManyChecklistItems(Conflict):
    code = "too_many_checklist_items"
    title = "A checklist is not that long"
    default_detail = "A ticket has at most 100 items."
