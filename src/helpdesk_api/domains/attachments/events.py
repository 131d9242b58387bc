"""Facts about attachments; a file's name stays in its row, so that removing one removes it."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class AttachmentEvent(DomainEvent):
    """`data`: `attachment_id`, and `comment_id`, which is null for what belongs to the ticket itself."""

    subject_type: ClassVar[str] = "attachment"


class AttachmentAdded(AttachmentEvent):
    """It now belongs to a ticket. `details`: `attachment_id`, and `comment_id`, null for what is the ticket's own."""

    type = "attachment.added"


class AttachmentReleased(AttachmentEvent):
    """The scanner found it clean."""

    type = "attachment.released"


class AttachmentRefused(AttachmentEvent):
    """The scanner found something: `signature` in `internal_details`."""

    type = "attachment.refused"


class AttachmentRemoved(AttachmentEvent):
    """Somebody deleted it."""

    type = "attachment.removed"
