"""Events on their way to many readers: fetched once with all that a decision about any reader needs, written once for
each kind of reader."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.audit import others, policy
from helpdesk_api.domains.audit.queries import STORED, Question, between, shown
from helpdesk_api.domains.audit.schemas import Event
from helpdesk_api.domains.knowledge import policy as articles
from helpdesk_api.domains.knowledge.models import Article, ArticleCategory
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant
from helpdesk_api.domains.tickets.policy import IDS, TicketFacts, any_of, may_read
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow, OutboxState

Sight = Callable[[Principal], bool]
_participants = (
    select(func.array_agg(TicketParticipant.user_id))
    .where(TicketParticipant.ticket_id == Ticket.id)
    .scalar_subquery()
    .label("participant_ids")
)
_FACTS = (
    Ticket.requester_id,
    Ticket.submitter_id,
    Ticket.team_id,
    Ticket.assignee_id,
    Ticket.organization_id,
    Ticket.collaborator_ids,
    _participants,
)


def _with_facts() -> AnySelect:
    return (
        select(
            *STORED,
            User.name.label("actor_name"),
            Ticket.id.label("found_ticket_id"),
            *_FACTS,
        )
        .outerjoin(Ticket, Ticket.id == EventRow.ticket_id)
        .outerjoin(User, User.id == EventRow.actor_id)
    )


_BEHIND = CompiledStatement(
    _with_facts()
    .where(EventRow.sequence > bindparam("start", type_=BigInteger))
    .order_by(EventRow.sequence)
    .limit(bindparam("most", type_=BigInteger))
)
_OTHERS = CompiledStatement(select(Ticket.id, *_FACTS).where(any_of(Ticket.id, bindparam("ids", type_=IDS))))
_ARTICLES = CompiledStatement(
    select(
        Article.id,
        Article.published_number,
        Article.audience,
        Article.team_ids,
        Article.author_id,
        Article.owner_id,
        ArticleCategory.approver_id,
    )
    .outerjoin(ArticleCategory, ArticleCategory.id == Article.category_id)
    .where(any_of(Article.id, bindparam("ids", type_=IDS)))
)
_END = CompiledStatement(select(OutboxState.last_sequence))


class LogEvent:
    """One numbered event. What it looks like is made once for each kind of reader, however many they are."""

    __slots__ = ("_others", "_row", "_texts", "record", "ticket")

    def __init__(self, row: Any, named: Mapping[str, Sight]) -> None:
        """`named` says who sees the other tickets and the articles that these events name, by their public ids."""
        self._row = row
        self._others = {name: named.get(name) for name in others.named_in(row)}
        self._texts: dict[tuple[bool, bool, frozenset[str]], bytes] = {}
        self.ticket = _facts(row) if row["found_ticket_id"] is not None else None
        # The ticket's whole row, where somebody's filter asks for more than sight does.
        self.record: Any = None

    @property
    def sequence(self) -> int:
        return int(self._row["sequence"])

    @property
    def id(self) -> UUID:
        found: UUID = self._row["id"]
        return found

    @property
    def type(self) -> str:
        return str(self._row["type"])

    @property
    def subject(self) -> tuple[str, UUID]:
        return self._row["subject_type"], self._row["subject_id"]

    @property
    def ticket_id(self) -> UUID | None:
        found: UUID | None = self._row["ticket_id"]
        return found

    @property
    def visibility(self) -> Visibility:
        return Visibility(self._row["visibility"])

    def is_asked_for(self, asked: Question) -> bool:
        if asked.types and self.type not in asked.types:
            return False
        return asked.ticket_id is None or self.ticket_id == asked.ticket_id

    def may_be_read_by(self, principal: Principal) -> bool:
        # An event whose ticket is gone is nobody's, as in the statement's outer join.
        if self.ticket is None and self.ticket_id is not None and not principal.is_admin:
            return False
        return policy.may_read(principal, self.visibility, self.ticket)

    def changed_fields(self, principal: Principal) -> set[str]:
        """As far as the reader sees what changed."""
        internal = policy.sees_internal(principal, self.ticket)
        return {*self._row["changes"], *(self._row["internal_changes"] if internal else ())}

    def text_for(self, principal: Principal) -> bytes:
        """The event as this reader gets it, in JSON."""
        internal, numbered = policy.sees_internal(principal, self.ticket), policy.reads_everything(principal)
        hidden = self._hidden_from(principal) if internal else frozenset()
        kind = internal, numbered, hidden
        found = self._texts.get(kind)
        if found is None:
            model = Event.model_validate(shown(self._row, internal=internal, numbered=numbered, hidden=hidden))
            found = self._texts[kind] = model.model_dump_json().encode()
        return found

    def _hidden_from(self, principal: Principal) -> frozenset[str]:
        """What else it names and is not this reader's to see."""
        if principal.is_admin:
            return frozenset()
        return frozenset(name for name, sees in self._others.items() if sees is None or not sees(principal))


def _facts(row: Any) -> TicketFacts:
    return TicketFacts(
        requester_id=row["requester_id"],
        submitter_id=row["submitter_id"],
        team_id=row["team_id"],
        assignee_id=row["assignee_id"],
        organization_id=row["organization_id"],
        collaborator_ids=row["collaborator_ids"],
        participant_ids=row["participant_ids"] or (),
    )


async def last_position(reads: ReadSession) -> int:
    """Up to where the log is numbered."""
    return await reads.fetch_value(_END) or 0


async def events_behind(reads: ReadSession, position: int, most: int) -> list[LogEvent]:
    """Everybody's: the reader's right to each is still to be judged."""
    return await _made(reads, await reads.fetch(_BEHIND, {"start": position, "most": most}))


async def readable_between(
    reads: ReadSession, principal: Principal, asked: Question, start: int, end: int, most: int
) -> list[LogEvent]:
    """What one reader may have of a stretch, in order."""
    where: Sequence[ColumnElement[bool]] = between(asked, start, end)
    statement = _with_facts().where(policy.readable(principal), *where).order_by(EventRow.sequence).limit(most)
    return await _made(reads, await reads.fetch(statement))


async def _made(reads: ReadSession, rows: Sequence[Any]) -> list[LogEvent]:
    """One more statement where events name other tickets, and one where they name articles, for what sight of those
    depends on."""
    named = {name for row in rows for name in others.named_in(row)}
    sights: dict[str, Sight] = {}
    if ids := others.of_kind("tkt", named):
        for row in await reads.fetch(_OTHERS, {"ids": ids}):
            sights[public_id("tkt", row["id"])] = partial(_sees_ticket, _facts(row))
    if ids := others.of_kind("art", named):
        for row in await reads.fetch(_ARTICLES, {"ids": ids}):
            sights[public_id("art", row["id"])] = partial(_sees_article, TicketRecord(row))
    return [LogEvent(row, sights) for row in rows]


def _sees_ticket(facts: TicketFacts, principal: Principal) -> bool:
    return may_read(principal, facts, is_participant=principal.user_id in facts.participant_ids)


def _sees_article(article: Any, principal: Principal) -> bool:
    return articles.may_read(principal, article, article.approver_id)


async def add_records(reads: ReadSession, events: Sequence[LogEvent]) -> None:
    """Give each event its ticket's whole row; one statement."""
    ids = {event.ticket_id for event in events if event.ticket_id is not None}
    if not ids:
        return
    rows = await reads.fetch(select(*Ticket.__table__.c).where(Ticket.id.in_(sorted(ids))))
    by_id = {row["id"]: TicketRecord(row) for row in rows}
    for event in events:
        if event.ticket_id is not None:
            event.record = by_id.get(event.ticket_id)


class TicketRecord:
    """A row with its columns as attributes, as conditions and policies read them."""

    __slots__ = ("_row",)

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        try:
            return self._row[name]
        except KeyError as error:
            raise AttributeError(name) from error
