"""That a tag got another name. What it changed on tickets are events of theirs."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TagRenamed(DomainEvent):
    """`internal_details`: `from`, `to`, and how many `views`, `macros`, `rules`, `templates`, `webhooks` and
    `integrations` were rewritten."""

    type = "tag.renamed"
    subject_type: ClassVar[str] = "tag_rename"
