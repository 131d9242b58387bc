"""The facts of a ticket's life. Ids in `changes` and `details` are the public, prefixed ones."""

from typing import ClassVar

from helpdesk_api.outbox.events import Changes, Details, DomainEvent


class TicketEvent(DomainEvent):
    subject_type: ClassVar[str] = "ticket"
    is_about_ticket: ClassVar[bool] = True


class TicketCreated(TicketEvent):
    """`changes` hold the first values; `details.explicit` names what the caller decided."""

    type = "ticket.created"
    example_changes: ClassVar[Changes] = {
        "status": (None, "open"),
        "subject": (None, "Printer on floor 3 prints blank pages"),
    }
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketUpdated(TicketEvent):
    """Fields changed that are no step of its life; `details.attachment_ids` names files that came along."""

    type = "ticket.updated"
    example_changes: ClassVar[Changes] = {"subject": ("Printer", "Printer on floor 3 prints blank pages")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketAssigned(TicketEvent):
    """Team or assignee changed; `internal_details.decisions` says who or what decided, and why."""

    type = "ticket.assigned"
    example_changes: ClassVar[Changes] = {"assignee_id": (None, "usr_0190a6f3e1d87c3aa1b2c3d4e5f60718")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketStarted(TicketEvent):
    """Somebody works on it."""

    type = "ticket.started"
    example_changes: ClassVar[Changes] = {"status": ("open", "in_progress")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketPended(TicketEvent):
    """It waits: for its requester, somebody else, or a time."""

    type = "ticket.pended"
    example_changes: ClassVar[Changes] = {"status": ("in_progress", "pending")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketResumed(TicketEvent):
    """It waits no more."""

    type = "ticket.resumed"
    example_changes: ClassVar[Changes] = {"status": ("pending", "in_progress")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketResolved(TicketEvent):
    """The desk says that it is solved."""

    type = "ticket.resolved"
    example_changes: ClassVar[Changes] = {"status": ("in_progress", "resolved")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketConfirmed(TicketEvent):
    """The requester says that it is solved."""

    type = "ticket.confirmed"


class TicketReopened(TicketEvent):
    """It was not solved after all."""

    type = "ticket.reopened"
    example_changes: ClassVar[Changes] = {"status": ("resolved", "open")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketClosed(TicketEvent):
    """It is over; a reply opens a new one."""

    type = "ticket.closed"
    example_changes: ClassVar[Changes] = {"status": ("resolved", "closed")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketRated(TicketEvent):
    """The requester said how it went."""

    type = "ticket.rated"


class TicketCancelled(TicketEvent):
    """It is not to be done."""

    type = "ticket.cancelled"
    example_changes: ClassVar[Changes] = {"status": ("open", "cancelled")}
    example_details: ClassVar[Details] = {"reference": "INC-1042"}


class TicketMerged(TicketEvent):
    """Told on both: `details.role` is `merged` on the one that ends, `target` on the one that goes on."""

    type = "ticket.merged"


class TicketFlagged(TicketEvent):
    """Needs a new assignee, since the present one has left, or no more, since they are back; internal."""

    type = "ticket.flagged"


class ParticipantAdded(TicketEvent):
    """Somebody may read its public side and reply. `details.user_id`."""

    type = "ticket.participant_added"


class ParticipantRemoved(TicketEvent):
    """Somebody who was added is no more. `details.user_id`."""

    type = "ticket.participant_removed"


class CollaboratorAdded(TicketEvent):
    """Shared with somebody of another team; internal. `details.user_id`."""

    type = "ticket.collaborator_added"


class CollaboratorRemoved(TicketEvent):
    """Internal, as above."""

    type = "ticket.collaborator_removed"


class WatcherAdded(TicketEvent):
    """Internal: who watches is the desk's business."""

    type = "ticket.watcher_added"


class WatcherRemoved(TicketEvent):
    """Somebody is told of news no more; internal."""

    type = "ticket.watcher_removed"


STATUS_EVENTS = (
    TicketStarted,
    TicketPended,
    TicketResumed,
    TicketResolved,
    TicketConfirmed,
    TicketReopened,
    TicketClosed,
    TicketCancelled,
)
