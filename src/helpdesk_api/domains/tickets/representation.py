"""The ticket as JSON, built by PostgreSQL in one pass; `allowed_actions` are spliced in from a cache of standings.

Every read of a ticket, and the answer of every write, comes from the one SELECT here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    case,
    cast,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id_sql
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.knowledge import policy as articles
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.enums import SlaState, TicketAction, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import (
    ACTIVE_STATUSES,
    REQUIRED_FIELDS,
    Standing,
    inside_window,
    refusal,
)
from helpdesk_api.domains.tickets.windows import reopen_window
from helpdesk_api.web.preconditions import stamped

ClockSight = Callable[[ColumnElement[Any]], ColumnElement[bool]]
_PLAIN = [
    "reference",
    "number",
    "type",
    "status",
    "pending_reason",
    "subject",
    "description",
    "description_html",
    "steps_tried",
    "affected_service",
    "channel",
    "impact",
    "urgency",
    "priority",
    "language",
    "tags",
    "form_number",
    "resolution_code",
    "resolution_text",
    "rating",
    "rating_comment",
    "reopened_count",
    "external_source",
    "external_id",
    "public_comment_count",
    "sla_state",
]
_INSTANTS = [
    "resumes_at",
    "began_at",
    "assigned_at",
    "resolved_at",
    "closes_at",
    "closed_at",
    "cancelled_at",
    "rated_at",
    "last_public_comment_at",
    "sla_due_at",
    "created_at",
]
_IDS = {
    "requester_id": "usr",
    "submitter_id": "usr",
    "organization_id": "org",
    "category_id": "cat",
    "form_id": "frm",
    "team_id": "tea",
    "assignee_id": "usr",
}
_INTERNAL = (
    "priority_source",
    "priority_reason",
    "awaits_member",
    "needs_reassignment",
    "internal_comment_count",
    "checklist_count",
    "checklist_done_count",
)
# What `row_of` needs beside the JSON, in this order.
_FACTS = (
    Ticket.id,
    Ticket.status,
    Ticket.team_id,
    Ticket.assignee_id,
    Ticket.requester_id,
    Ticket.submitter_id,
    Ticket.category_id,
    Ticket.resolved_at,
    Ticket.version,
    Ticket.public_version,
    Ticket.last_comment_id,
    Ticket.last_public_comment_id,
    Ticket.merged_into_id,
    Ticket.collaborator_ids,
    Ticket.open_required_count,
)
_clocks: list[ClockSight] = []
_RIGHTS = (Permission.TICKETS_WRITE, Permission.TICKETS_ADMIN, Permission.ARTICLES_WRITE)


def register_clocks(sight: ClockSight) -> None:
    """Called once by the process with `wiring.TICKET_CLOCKS`: whether a clock of this ticket runs or rests."""
    _clocks[:] = [sight]


def _has_clock(caller: policy.Caller) -> ColumnElement[bool]:
    """What the row says of SLAs is enough for most; of OLAs and contracts, and of what was missed and may be over, it
    says nothing. Nobody else sets deadlines, nor on what is done."""
    if not caller.is_staff or not _clocks:
        return true()
    is_active = or_(*[Ticket.status == status for status in sorted(ACTIVE_STATUSES)])
    goes_on = [Ticket.sla_state == state for state in (SlaState.RUNNING, SlaState.PAUSED)]
    is_said = or_(Ticket.sla_due_at.is_not(None), *goes_on, Ticket.awaits_reply)
    return case((or_(not_(is_active), is_said), true()), else_=_clocks[0](Ticket.id.expression))


def instant_sql(column: Any) -> ColumnElement[str]:
    """RFC 3339 with `Z` and microseconds; null stays null."""
    layout: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
    return func.to_char(func.timezone(literal_column("'UTC'"), column), layout, type_=String)


def _for_staff(column: Any, internal: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((internal, column), else_=null())


def _collaborators() -> ColumnElement[Any]:
    """Public ids without a subquery for each row."""
    ids = func.array_to_string(Ticket.collaborator_ids, literal_column("',usr_'"), type_=String)
    listed = func.string_to_array(
        literal_column("'usr_'", String) + func.replace(ids, literal_column("'-'"), literal_column("''"), type_=String),
        literal_column("','"),
    )
    return case(
        (Ticket.collaborator_ids == literal_column("'{}'::uuid[]"), literal_column("'[]'::json")),
        else_=func.to_json(listed),
    )


def _article(caller: policy.Caller, internal: ColumnElement[bool]) -> Any:
    """What served, as far as the caller may read it; on tickets on which they do not work, as a requester may."""
    if caller.is_admin:
        return Ticket.resolution_article_id

    def served(sight: ColumnElement[bool]) -> ColumnElement[Any]:
        found = select(Article.id).where(Article.id == Ticket.resolution_article_id, sight)
        return found.correlate(Ticket).scalar_subquery()

    of_staff = [(internal, served(articles.readable(caller)))] if caller.is_staff else []
    return case((Ticket.resolution_article_id.is_(None), null()), *of_staff, else_=served(articles.for_requesters()))


def _follow_up_of(caller: policy.Caller, internal: ColumnElement[bool]) -> ColumnElement[Any]:
    """To who does not work on this one, only if they can see that one."""
    old = aliased(Ticket)
    seen = select(old.id).where(old.id == Ticket.follow_up_of_id, policy.readable(caller, old))
    return case(
        (Ticket.follow_up_of_id.is_(None), null()),
        (internal, Ticket.follow_up_of_id),
        else_=seen.correlate(Ticket).scalar_subquery(),
    )


def _merged_into(caller: policy.Caller, internal: ColumnElement[bool]) -> ColumnElement[Any]:
    """To those who work on this one, if they can see that one."""
    target = aliased(Ticket)
    seen = select(target.id).where(target.id == Ticket.merged_into_id, policy.readable(caller, target))
    return case((Ticket.merged_into_id.is_not(None) & internal, seen.correlate(Ticket).scalar_subquery()), else_=null())


def _columns(caller: policy.Caller, internal: ColumnElement[bool]) -> list[Any]:
    public_id = public_id_sql("tkt", Ticket.id)
    shown: list[Any] = [public_id.label("id"), (literal_column("'/v1/tickets/'", String) + public_id).label("url")]
    shown += [getattr(Ticket, name).label(name) for name in _PLAIN]
    shown += [instant_sql(getattr(Ticket, name)).label(name) for name in _INSTANTS]
    shown += [public_id_sql(prefix, getattr(Ticket, name)).label(name) for name, prefix in _IDS.items()]
    shown += [_for_staff(getattr(Ticket, name), internal).label(name) for name in _INTERNAL]
    shown.append(_for_staff(instant_sql(Ticket.last_internal_comment_at), internal).label("last_internal_comment_at"))
    own = Ticket.custom_fields
    everything = own.op("||")(Ticket.internal_custom_fields)
    shown.append(case((internal, everything), else_=own).label("custom_fields"))
    shown.append(_for_staff(_collaborators(), internal).label("collaborator_ids"))
    shown.append(public_id_sql("tkt", _merged_into(caller, internal)).label("merged_into_id"))
    shown.append(public_id_sql("art", _article(caller, internal)).label("resolution_article_id"))
    shown.append(public_id_sql("tkt", _follow_up_of(caller, internal)).label("follow_up_of_id"))
    shown.append(instant_sql(policy.shown_updated_at(caller)).label("updated_at"))
    return shown


def select_tickets(principal: policy.Caller) -> AnySelect:
    """The readable tickets as JSON text, then the facts that `row_of` reads. Add filters, order and limit."""
    internal = policy.sees_internal(principal)
    shown = select(*_columns(principal, internal)).correlate(Ticket).lateral("shown")
    participates = false() if principal.is_admin else policy.is_participant(principal)
    return (
        select(
            cast(func.row_to_json(shown.table_valued()), String).label("body"),
            internal.label("internal"),
            participates.label("participates"),
            _has_clock(principal).label("has_clock"),
            *_FACTS,
        )
        .select_from(Ticket)
        .join(shown, true())
        .where(policy.readable(principal))
    )


@lru_cache(maxsize=4096)
def _actions_json(
    status: str,
    works_on: bool,  # noqa: FBT001 - by position, which is what the cache's key is made of fastest
    party: tuple[bool, bool, bool],
    inside_reopen_window: bool,  # noqa: FBT001
    rights: tuple[bool, ...],
    has_open_required: bool,  # noqa: FBT001
    is_merged: bool,  # noqa: FBT001
    has_clock: bool,  # noqa: FBT001
) -> str:
    is_requester, for_another, is_participant = party
    may_write, may_administer, may_write_articles = rights
    standing = Standing(
        status=TicketStatus(status),
        works_on=works_on,
        is_requester=is_requester,
        is_participant=is_participant,
        may_write=may_write,
        may_administer=may_administer,
        inside_reopen_window=inside_reopen_window,
        has_open_required=has_open_required,
        is_merged=is_merged,
        may_write_articles=may_write_articles,
        for_another=for_another,
        has_clock=has_clock,
    )
    actions = []
    for action in TicketAction:
        reason = refusal(standing, action)
        actions.append(
            {
                "action": action.value,
                "allowed": reason is None,
                "reason_code": reason.value if reason else None,
                "required_fields": list(REQUIRED_FIELDS.get(action, ())),
            }
        )
    return json.dumps(actions, separators=(",", ":"))


def _tickets_json(principal: Principal, rows: Iterable[Any]) -> Iterator[str]:
    """Each ticket's JSON from a row of `select_tickets`."""
    user_id = principal.user_id
    rights = tuple(map(principal.has, _RIGHTS))
    for row in rows:
        status = row["status"]
        inside = status == TicketStatus.RESOLVED.value and inside_window(
            row["resolved_at"], clock.now(), reopen_window()
        )
        for_another = row["requester_id"] != user_id
        is_requester = not for_another or row["submitter_id"] == user_id
        is_open = row["open_required_count"] > 0
        is_merged = row["merged_into_id"] is not None
        party = (is_requester, for_another, row["participates"])
        actions = _actions_json(status, row["internal"], party, inside, rights, is_open, is_merged, row["has_clock"])
        yield f'{row["body"][:-1]},"allowed_actions":{actions}}}'


def detail_json(principal: Principal, row: Any, included: str | None = None) -> str:
    (ticket,) = _tickets_json(principal, (row,))
    return f'{ticket[:-1]},"included":{included or "null"}}}'


def etag(row: Any) -> str:
    """Moves only with what this reader can see; staff's and requesters' are apart."""
    return f'"s{row["version"]}"' if row["internal"] else f'"p{row["public_version"]}"'


def shown_etag(row: Any, detail: str) -> str:
    """Of the ticket that an answer of another kind brings along, as reading it by itself would give it."""
    return stamped(etag(row), detail.encode())


def page_json(
    principal: Principal,
    rows: Sequence[Any],
    *,
    next_cursor: str | None,
    prev_cursor: str | None,
    total: tuple[int, bool] | None,
    included: str | None,
    counts: str | None,
    understood: str | None = None,
    highlights: str | None = None,
    order_is_exact: bool = True,
    did_you_mean: str | None = None,
) -> str:
    data = ",".join(_tickets_json(principal, rows))
    count, exact = total if total is not None else (None, None)
    return (
        f'{{"data":[{data}],"next_cursor":{json.dumps(next_cursor)},"prev_cursor":{json.dumps(prev_cursor)},'
        f'"total":{json.dumps(count)},"total_is_exact":{json.dumps(exact)},'
        f'"included":{included or "null"},"counts":{counts or "null"},'
        f'"understood":{understood or "null"},"highlights":{highlights or "null"},'
        f'"order_is_exact":{json.dumps(order_is_exact)},"did_you_mean":{did_you_mean or "null"}}}'
    )


def distinct(rows: Iterable[Any], *names: str) -> list[Any]:
    """The ids that these columns of the rows name, once each."""
    return list(dict.fromkeys(row[name] for row in rows for name in names if row[name] is not None))
