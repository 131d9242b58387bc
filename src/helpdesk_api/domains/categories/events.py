"""The facts of how tickets are sorted; kept for audit."""

from typing import ClassVar
from uuid import UUID

from helpdesk_api.outbox.events import DomainEvent

MATRIX_SUBJECT = UUID(int=1)


class CategoryEvent(DomainEvent):
    subject_type: ClassVar[str] = "category"


class CategoryCreated(CategoryEvent):
    """A place for tickets in the tree of categories was made."""

    type = "category.created"


class CategoryUpdated(CategoryEvent):
    """Its name, place, or what follows from it changed."""

    type = "category.updated"


class CategoryRetired(CategoryEvent):
    """Takes no new tickets; those that have it keep it."""

    type = "category.retired"


class CategoryRestored(CategoryEvent):
    """It takes new tickets again."""

    type = "category.restored"


class PriorityMatrixChanged(DomainEvent):
    """New tickets follow it; priorities already given stay."""

    type = "priority_matrix.changed"
    subject_type: ClassVar[str] = "priority_matrix"
