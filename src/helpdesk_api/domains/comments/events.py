"""Facts about comments; the text itself stays in the comment."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class CommentEvent(DomainEvent):
    subject_type: ClassVar[str] = "comment"
    is_about_ticket: ClassVar[bool] = True


class CommentCreated(CommentEvent):
    """`details`: `comment_id`, `author_id`, `mention_ids`, `by_requester` (spoken as the one who needs help), and
    `automatic` (a program's entry, which answers nobody)."""

    type = "comment.created"


class CommentUpdated(CommentEvent):
    """`changes.version` tells the revision that was replaced."""

    type = "comment.updated"
