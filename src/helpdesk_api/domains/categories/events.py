"""The facts of how tickets are sorted; kept for audit."""

from typing import ClassVar
from uuid import UUID

from helpdesk_api.outbox.events import DomainEvent

MATRIX_SUBJECT = UUID(int=1)


class CategoryEvent(DomainEvent):
    subject_type: ClassVar[str] = "category"


class CategoryCreated(CategoryEvent):
    type = "category.created"


class CategoryUpdated(CategoryEvent):
    type = "category.updated"


class CategoryRetired(CategoryEvent):
    """Takes no new tickets; those that have it keep it."""

    type = "category.retired"


class CategoryRestored(CategoryEvent):
    type = "category.restored"


class PriorityMatrixChanged(DomainEvent):
    """New tickets follow it; priorities already given stay."""

    type = "priority_matrix.changed"
    subject_type: ClassVar[str] = "priority_matrix"
