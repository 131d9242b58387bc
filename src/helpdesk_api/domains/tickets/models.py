"""The ticket's row carries what lists show; whoever owns a fact above writes it down here through an action."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.text_search import PARSED, week_of
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.categories.enums import (
    Channel,
    Impact,
    Priority,
    TicketType,
    Urgency,
)
from helpdesk_api.domains.tickets.enums import (
    PendingReason,
    PrioritySource,
    ResolutionCode,
    SlaState,
    TicketStatus,
)

# People say references aloud. One counter a type: gaps are tolerated, numbers are never reused.
REFERENCE_PREFIXES: dict[TicketType, str] = {
    TicketType.INCIDENT: "INC",
    TicketType.SERVICE_REQUEST: "REQ",
    TicketType.PROBLEM: "PRB",
    TicketType.CHANGE: "CHG",
}
NUMBERS: dict[TicketType, Sequence] = {
    kind: Sequence(
        f"ticket_{prefix.lower()}_number",
        start=1001 if prefix == "INC" else 1,
        metadata=Base.metadata,
    )
    for kind, prefix in REFERENCE_PREFIXES.items()
}
# One expression each, so that the statement that holds it is compiled once.
NEXT_NUMBER = {kind: numbers.next_value() for kind, numbers in NUMBERS.items()}


def number_as(ticket: "Ticket", kind: TicketType) -> None:
    """A new ticket's next number, of this type's counter."""
    ticket.number, ticket.reference_prefix = NEXT_NUMBER[kind], REFERENCE_PREFIXES[kind]


ACTIVE = "status IN ('open', 'in_progress', 'pending')"


class Ticket(Base):
    """One request or disturbance. `version` moves with every change, `public_version` only with public ones."""

    __tablename__ = "tickets"
    # The reference is computed by PostgreSQL, so each UPDATE would forget it: it comes back with the statement.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - as SQLAlchemy declares it
    __table_args__ = (
        UniqueConstraint("external_source", "external_id"),
        CheckConstraint("(external_source IS NULL) = (external_id IS NULL)", name="external_pair"),
        CheckConstraint(
            "(status = 'pending') = (pending_reason IS NOT NULL)",
            name="pending_has_reason",
        ),
        CheckConstraint(
            "status NOT IN ('resolved') OR resolution_code IS NOT NULL",
            name="resolved_has_code",
        ),
        # Each order that a list offers over the scopes that a desk looks at.
        Index("ix_tickets_created", "created_at", "id"),
        Index("ix_tickets_updated", "public_updated_at", "id"),
        Index("ix_tickets_internally_updated", "updated_at", "id"),
        Index("ix_tickets_number", "number", "id"),
        # Nulls come last in both directions, which one index cannot give.
        Index("ix_tickets_resolved", "resolved_at", "id"),
        Index("ix_tickets_resolved_last", text("resolved_at DESC NULLS LAST"), text("id DESC")),
        Index("ix_tickets_team_created", "team_id", "created_at", "id"),
        Index("ix_tickets_assignee_created", "assignee_id", "created_at", "id"),
        Index("ix_tickets_requester_created", "requester_id", "created_at", "id"),
        Index("ix_tickets_submitter", "submitter_id", "created_at", "id"),
        Index("ix_tickets_organization_created", "organization_id", "created_at", "id"),
        Index("ix_tickets_category", "category_id"),
        # The backlog stays small while the past grows.
        Index("ix_tickets_team_active", "team_id", "created_at", "id", postgresql_where=text(ACTIVE)),
        Index("ix_tickets_assignee_active", "assignee_id", "created_at", "id", postgresql_where=text(ACTIVE)),
        Index("ix_tickets_waiting", "team_id", postgresql_where=text("awaits_member")),
        Index(
            "ix_tickets_closes_at",
            "closes_at",
            postgresql_where=text("closes_at IS NOT NULL"),
        ),
        Index(
            "ix_tickets_resumes_at",
            "resumes_at",
            postgresql_where=text("resumes_at IS NOT NULL"),
        ),
        # Whatever forms ask for, one index answers for all of it.
        Index(
            "ix_tickets_custom_fields",
            "custom_fields",
            postgresql_using="gin",
            postgresql_ops={"custom_fields": "jsonb_path_ops"},
            postgresql_where=text("custom_fields <> '{}'::jsonb"),
        ),
        Index(
            "ix_tickets_internal_custom_fields",
            "internal_custom_fields",
            postgresql_using="gin",
            postgresql_ops={"internal_custom_fields": "jsonb_path_ops"},
            postgresql_where=text("internal_custom_fields <> '{}'::jsonb"),
        ),
        # What an asset is called elsewhere, whatever words stand after it.
        Index(
            "ix_tickets_first_words",
            text("helpdesk_first_words(custom_fields)"),
            postgresql_using="gin",
            postgresql_where=text("custom_fields <> '{}'::jsonb"),
        ),
        Index(
            "ix_tickets_internal_first_words",
            text("helpdesk_first_words(internal_custom_fields)"),
            postgresql_using="gin",
            postgresql_where=text("internal_custom_fields <> '{}'::jsonb"),
        ),
        Index("ix_tickets_merged_into", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index("ix_tickets_tags", "tags", postgresql_using="gin"),
        Index(
            "ix_tickets_collaborators",
            "collaborator_ids",
            postgresql_using="gin",
            postgresql_where=text("collaborator_ids <> '{}'::uuid[]"),
        ),
        # Nulls last in both directions, as above; only what still runs has a next due time.
        Index("ix_tickets_sla_due", "sla_due_at", "id"),
        Index("ix_tickets_sla_due_last", text("sla_due_at DESC NULLS LAST"), text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    type: Mapped[TicketType] = mapped_column(text_enum(TicketType))
    number: Mapped[int] = mapped_column(BigInteger)
    reference_prefix: Mapped[str]
    reference: Mapped[str] = mapped_column(
        Text,
        Computed("reference_prefix || '-' || number::text", persisted=True),
        unique=True,
    )
    subject: Mapped[str]
    description: Mapped[str]
    description_html: Mapped[str]
    steps_tried: Mapped[str | None]
    affected_service: Mapped[str | None]
    began_at: Mapped[datetime | None]
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))

    requester_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    submitter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))

    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    impact: Mapped[Impact | None] = mapped_column(text_enum(Impact))
    urgency: Mapped[Urgency | None] = mapped_column(text_enum(Urgency))
    priority: Mapped[Priority] = mapped_column(text_enum(Priority))
    priority_source: Mapped[PrioritySource] = mapped_column(text_enum(PrioritySource))
    priority_reason: Mapped[str | None]
    # Of subject and description, by ISO 639-1; null where too little was written, or nothing can tell.
    language: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))

    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    assigned_at: Mapped[datetime | None]
    # Staff of other teams with whom it is shared; on the row, so that who sees it is one comparison.
    collaborator_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    awaits_member: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    needs_reassignment: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))

    status: Mapped[TicketStatus] = mapped_column(text_enum(TicketStatus))
    pending_reason: Mapped[PendingReason | None] = mapped_column(text_enum(PendingReason))
    resumes_at: Mapped[datetime | None]
    resolution_code: Mapped[ResolutionCode | None] = mapped_column(text_enum(ResolutionCode))
    resolution_text: Mapped[str | None]
    # What served the one who resolved it.
    resolution_article_id: Mapped[UUID | None] = mapped_column(ForeignKey("articles.id"))
    resolved_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    rating_comment: Mapped[str | None]
    rated_at: Mapped[datetime | None]
    reopened_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))

    follow_up_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    # The ticket that goes on for this one; never one that was merged itself, so that one step leads there.
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    external_source: Mapped[str | None]
    external_id: Mapped[str | None]

    public_comment_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    internal_comment_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_public_comment_at: Mapped[datetime | None]
    last_internal_comment_at: Mapped[datetime | None]
    last_public_comment_id: Mapped[UUID | None]
    last_comment_id: Mapped[UUID | None]

    # Written by the checklists; a ticket with an open item that is required is not resolved.
    checklist_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    checklist_done_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    open_required_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))

    # Of the form's version that it was opened with; what only the staff sees is kept apart.
    form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    form_number: Mapped[int | None] = mapped_column(Integer)
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    internal_custom_fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))

    # Written by the service levels: the next due time and the worst state of the clocks promised to the requester.
    sla_due_at: Mapped[datetime | None]
    sla_state: Mapped[SlaState | None] = mapped_column(text_enum(SlaState))
    awaits_reply: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # While its past is being imported: where that ends by now. Its clocks rest there until something happens today.
    imported_until: Mapped[datetime | None]

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    public_updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    public_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


# Outside the mapping: nobody reads the vector, and a mapped one would come back with every UPDATE.
_TEXT = (
    "reference_prefix || '-' || number::text || ' ' || subject || ' ' || description"
    " || ' ' || coalesce(steps_tried, '') || ' ' || coalesce(affected_service, '')"
)
SEARCH = Column(
    "search",
    TSVECTOR,
    Computed(f"to_tsvector('simple', {PARSED.format(_TEXT)})", persisted=True),
    nullable=False,
)
Ticket.__table__.append_column(SEARCH)  # type: ignore[attr-defined]
# Every search reads what was not yet sorted into the index, so little may wait there (kilobytes; 4,096 is the default).
Index(
    "ix_tickets_search_by_weeks",
    SEARCH,
    week_of(Ticket.__table__.c.created_at),
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": 256},
)
# As a number, since an order by the words themselves is no order; stored, so that an index can have it.
PRIORITY_RANK = Column(
    "priority_rank",
    SmallInteger,
    Computed("CASE priority WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END", persisted=True),
    nullable=False,
)
Ticket.__table__.append_column(PRIORITY_RANK)  # type: ignore[attr-defined]
Index("ix_tickets_priority", PRIORITY_RANK, Ticket.id)
# The worst first, which is how a queue is read. No column: a stored one would write each ticket anew that is there.
_WORST_FIRST = literal_column("ARRAY['breached', 'running', 'paused', 'met']", ARRAY(Text))
SLA_STATE_RANK = func.coalesce(
    func.array_position(_WORST_FIRST, cast(Ticket.sla_state, Text), type_=Integer), literal_column("5", Integer)
)
Index("ix_tickets_sla_state", SLA_STATE_RANK, Ticket.id)


class TicketParticipant(Base):
    """Somebody added to a ticket: sees its public side and may reply."""

    __tablename__ = "ticket_participants"
    __table_args__ = (Index("ix_ticket_participants_user", "user_id", "ticket_id"),)

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    added_by_id: Mapped[UUID]
    added_at: Mapped[datetime]


class TicketWatcher(Base):
    """Somebody told of news. Watching grants no sight: only who may read a piece of news is told of it."""

    __tablename__ = "ticket_watchers"
    __table_args__ = (Index("ix_ticket_watchers_user", "user_id", "ticket_id"),)

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    added_at: Mapped[datetime]
