"""What can be wrong with a request about a ticket."""

from uuid import UUID

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.tickets.enums import Refusal, TicketAction, TicketStatus
from helpdesk_api.domains.tickets.rules import MAX_COLLABORATORS
from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class TicketNotFound(NotFound):
    code = "ticket_not_found"
    title = "There is no such ticket"
    default_detail = "It does not exist, or it is not yours to see."


class ActionForbidden(Forbidden):
    code = "action_forbidden"
    title = "This action is not yours to take"

    def __init__(self, action: TicketAction, required_scope: str | None = None) -> None:
        super().__init__(
            f"You can see this ticket, but `{action}` is not open to you.",
            params={"action": action.value},
        )
        self.required_scope = required_scope


class TransitionNotAllowed(Conflict):
    code = "transition_not_allowed"
    title = "The ticket's status does not allow this"

    def __init__(self, action: TicketAction, status: TicketStatus) -> None:
        super().__init__(
            f"`{action}` is not possible while the ticket is {status}.",
            params={"action": action.value, "status": status.value},
        )


class TicketAlreadyAssigned(Conflict):
    """Two people took the same ticket, and the other one was first."""

    code = "ticket_already_assigned"
    title = "Somebody else has this ticket"

    def __init__(self, assignee_id: UUID | None, name: str | None) -> None:
        detail = f"{name} has it now." if name else "Nobody has it now."
        super().__init__(
            detail,
            params={
                "assignee_id": public_id("usr", assignee_id) if assignee_id is not None else None,
                "assignee_name": name,
            },
        )


class ReopenWindowPassed(Conflict):
    code = "reopen_window_passed"
    title = "It was resolved too long ago to reopen"
    default_detail = "Reply to it instead: a reply opens a linked follow-up."


class ChecklistOpen(Conflict):
    code = "checklist_open"
    title = "Something that is required is not done yet"
    default_detail = "Its checklist has required items that are open."
    remedy = "Tick them, or make them optional: `GET /v1/tickets/{ticket_id}/checklist-items`."


class TicketMerged(Conflict):
    code = "ticket_merged"
    title = "This ticket goes on in another"
    remedy = "Change the ticket that `params.ticket_id` names; it is null when you cannot see that one."

    def __init__(self, target_id: UUID | None, *, pointer: str | None = None) -> None:
        shown = public_id("tkt", target_id) if target_id is not None else None
        detail = "It was merged into another ticket, and takes no changes." if shown is None else None
        super().__init__(
            detail or f"It was merged into {shown}, and takes no changes.", params={"ticket_id": shown}, pointer=pointer
        )


class TicketRepeated(Unprocessable):
    """By its id and its reference, too. In bulk, several steps on one ticket stand in one item, in their order."""

    code = "ticket_repeated"
    title = "The same ticket is named twice"


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    title = "This external id is already a ticket"


class FieldForbidden(Forbidden):
    code = "field_forbidden"
    title = "You may not set this field"


class PriorityReasonRequired(Unprocessable):
    code = "priority_reason_required"
    title = "A priority set by hand needs a reason"


class PriorityReasonUnused(Unprocessable):
    code = "priority_reason_unused"
    title = "A reason belongs to a priority set by hand"
    default_detail = "No priority was sent with it, and the ticket's is not set by hand."
    remedy = "Send `priority` with it, or leave it out."


class TicketFieldMissing(Unprocessable):
    code = "ticket_field_missing"
    title = "A ticket has a subject and a description"
    default_detail = "Neither the request nor a template says what it is."


class CategoryRetired(Unprocessable):
    code = "category_retired"
    title = "This category takes no new tickets"


class InstantInFuture(Unprocessable):
    code = "instant_in_future"
    title = "This cannot have happened yet"


class ResumeInPast(Unprocessable):
    code = "resume_in_past"
    title = "A ticket cannot wait for the past"


class CollaboratorNotStaff(Unprocessable):
    code = "collaborator_not_staff"
    title = "A ticket is shared with the service desk's staff"
    remedy = "Add others as participants: they see the public side."


class TooManyCollaborators(Conflict):
    code = "too_many_collaborators"
    title = "The ticket is shared with as many people as it may be"
    default_detail = f"At most {MAX_COLLABORATORS} people work on a ticket from outside its team."


class CollaboratorNotFound(NotFound):
    code = "collaborator_not_found"
    title = "The ticket is not shared with this person"


class ParticipantNotFound(NotFound):
    code = "participant_not_found"
    title = "That person is not on this ticket"


class WatcherNotFound(NotFound):
    code = "watcher_not_found"
    title = "That person does not watch this ticket"


REFUSAL_ERRORS = {Refusal.REOPEN_WINDOW_PASSED: ReopenWindowPassed, Refusal.CHECKLIST_OPEN: ChecklistOpen}


class InstantOutOfOrder(Unprocessable):
    code = "instant_out_of_order"
    title = "It cannot have happened then"
    default_detail = "An import tells a ticket's past in order: after its last change and its clocks' last word."


# What a change of a ticket that exists can always meet.
CHANGE_ERRORS = (TicketNotFound, MissingScope, InstantOutOfOrder, TicketMerged)


class AttachmentNotUsable(Unprocessable):
    """The same for what does not exist, is another person's, was refused, or belongs to something already."""

    code = "attachment_not_usable"
    title = "This attachment cannot be referred to"
    default_detail = "Name a file of your own that nothing refers to yet."


class UnknownSort(Unprocessable):
    code = "unknown_sort"
    title = "Nothing here is called so to sort by"
    remedy = "Name a custom field by `cf_` and the key that a form gives it; `GET /v1/forms` lists them."


class RelevanceNeedsText(Unprocessable):
    code = "relevance_needs_text"
    title = "Nothing to rank by"
    default_detail = "`relevance` orders what a text finds; search for one, or sort by something else."
    remedy = "Give `q`, or words in `query`, or leave `sort` out."
