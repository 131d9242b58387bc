"""What an event is: a fact about one subject, recorded in the transaction that makes it true."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from helpdesk_api.database.ids import new_id


class Visibility(StrEnum):
    """Who may ever see it: `internal` never leaves the staff."""

    PUBLIC = "public"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event, and the rule if any, that led to an automatic change; `depth` bounds chains of them."""

    event_id: UUID
    rule: str | None = None
    depth: int = 1


@dataclass(slots=True, kw_only=True)
class DomainEvent:
    """Base of all events. `changes` maps a field to its value before and after; values are JSON scalars or lists."""

    type: ClassVar[str]
    subject_type: ClassVar[str]
    id: UUID = field(default_factory=new_id)
    subject_id: UUID
    ticket_id: UUID | None = None
    visibility: Visibility = Visibility.PUBLIC
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    internal_changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    internal_data: dict[str, Any] = field(default_factory=dict)
    # The entity itself and the ticket that it belongs to, for reactions inside the transaction; never stored.
    entity: Any = None
    ticket: Any = None
    # When it became true; the moment of its recording where nobody says another.
    occurred_at: datetime | None = None
