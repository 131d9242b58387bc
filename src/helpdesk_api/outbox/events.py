"""What an event is: a fact about one subject, recorded in the transaction that makes it true."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from helpdesk_api.database.ids import new_id

Changes = Mapping[str, tuple[Any, Any]]
Details = Mapping[str, Any]
_PREFIX_LENGTH = 3
# Where the ids of a kind of subject do not begin with its first letters.
_PREFIXES = {
    "form": "frm",
    "ticket": "tkt",
    "comment": "cmt",
    "user": "usr",
    "routing_rule": "rul",
    "api_key": "key",
    "sla_policy": "slp",
    "alert_integration": "ain",
    "article_category": "acg",
    "webhook": "whk",
    "ticket_template": "tpl",
}


def subject_prefix(kind: str) -> str:
    """Of the public ids of this kind of subject."""
    return _PREFIXES.get(kind, kind[:_PREFIX_LENGTH])


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
    """Base of all events; the docstring of each is published.

    `changes` maps a field to its value before and after; values are JSON scalars or lists.
    """

    type: ClassVar[str]
    subject_type: ClassVar[str]
    # Whether every event of this type belongs to a ticket.
    is_about_ticket: ClassVar[bool] = False
    # For the contract: what an event of this type typically changed, and says besides.
    example_changes: ClassVar[Changes] = {}
    example_details: ClassVar[Details] = {}
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
