"""The facts of a ticket's life. Ids in `changes` and `data` are the public, prefixed ones."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TicketEvent(DomainEvent):
    subject_type: ClassVar[str] = "ticket"


class TicketCreated(TicketEvent):
    """`changes` hold the first values; `data.explicit` names what the caller decided."""

    type = "ticket.created"


class TicketUpdated(TicketEvent):
    type = "ticket.updated"


class TicketAssigned(TicketEvent):
    """Team or assignee changed; `internal_data.decisions` says who or what decided, and why."""

    type = "ticket.assigned"


class TicketStarted(TicketEvent):
    type = "ticket.started"


class TicketPended(TicketEvent):
    type = "ticket.pended"


class TicketResumed(TicketEvent):
    type = "ticket.resumed"


class TicketResolved(TicketEvent):
    type = "ticket.resolved"


class TicketConfirmed(TicketEvent):
    type = "ticket.confirmed"


class TicketReopened(TicketEvent):
    type = "ticket.reopened"


class TicketClosed(TicketEvent):
    type = "ticket.closed"


class TicketRated(TicketEvent):
    type = "ticket.rated"


class TicketCancelled(TicketEvent):
    type = "ticket.cancelled"


class TicketMerged(TicketEvent):
    """Told on both: `data.role` is `merged` on the one that ends, `target` on the one that goes on."""

    type = "ticket.merged"


class TicketFlagged(TicketEvent):
    """Needs a new assignee, since the present one has left; internal."""

    type = "ticket.flagged"


class ParticipantAdded(TicketEvent):
    type = "ticket.participant_added"


class ParticipantRemoved(TicketEvent):
    type = "ticket.participant_removed"


class CollaboratorAdded(TicketEvent):
    """Shared with somebody of another team; internal. `data.user_id`."""

    type = "ticket.collaborator_added"


class CollaboratorRemoved(TicketEvent):
    """Internal, as above."""

    type = "ticket.collaborator_removed"


class WatcherAdded(TicketEvent):
    """Internal: who watches is the desk's business."""

    type = "ticket.watcher_added"


class WatcherRemoved(TicketEvent):
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
