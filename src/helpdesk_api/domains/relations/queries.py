"""Reads of links: both directions, and only to tickets that the caller can see."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, Subquery, bindparam, cast, false, func, select, true, union_all
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id, public_id_sql
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.relations.enums import Relation
from helpdesk_api.domains.relations.models import TicketLink
from helpdesk_api.domains.relations.rules import kind_from
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.representation import distinct
from helpdesk_api.web.listing import PageRequest, SortKey, page_of


def _sides(of_from: ColumnElement[bool], of_to: ColumnElement[bool]) -> Subquery:
    """Each link once for each of its tickets that is asked for."""
    facts = (TicketLink.id, TicketLink.relation, TicketLink.created_at)
    return union_all(
        select(*facts, TicketLink.from_id.label("own_id"), TicketLink.to_id.label("other_id"), false().label("inverse"))
        .where(of_from),
        select(*facts, TicketLink.to_id.label("own_id"), TicketLink.from_id.label("other_id"), true().label("inverse"))
        .where(of_to),
    ).subquery("sides")  # fmt: skip


async def list_links(reads: ReadSession, principal: Principal, ticket_id: UUID, page: PageRequest) -> dict[str, Any]:
    """One page of one visible ticket's links, oldest first."""
    side = _sides(TicketLink.from_id == ticket_id, TicketLink.to_id == ticket_id)
    statement = (
        select(
            side.c.id,
            side.c.relation,
            side.c.inverse,
            side.c.created_at,
            Ticket.id.label("linked_id"),
            Ticket.reference,
            Ticket.subject,
            Ticket.status,
        )
        .join(Ticket, Ticket.id == side.c.other_id)
        .where(policy.readable(principal))
    )
    keys = [SortKey("created_at", side.c.created_at, datetime), SortKey("id", side.c.id, UUID)]
    answer = await page_of(reads, statement, keys, page)
    answer["data"] = [shown(row) for row in answer["data"]]
    return answer


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A link as its ticket shows it."""
    return {
        "id": row["id"],
        "kind": kind_from(Relation(row["relation"]), is_inverse=row["inverse"]),
        "ticket": {
            "id": row["linked_id"],
            "reference": row["reference"],
            "subject": row["subject"],
            "status": row["status"],
        },
        "created_at": row["created_at"],
    }


@lru_cache(maxsize=64)
def _labels_read(shape: policy.CallerShape) -> CompiledStatement:
    given = bindparam("ids", type_=IDS)
    side = _sides(any_of(TicketLink.from_id, given), any_of(TicketLink.to_id, given))
    own = aliased(Ticket)
    own_key = func.json_build_object("id", public_id_sql("tkt", own.id), "reference", own.reference)
    other_key = func.json_build_object(
        "id", public_id_sql("tkt", Ticket.id), "reference", Ticket.reference,
        "subject", Ticket.subject, "status", Ticket.status,
    )  # fmt: skip
    return CompiledStatement(
        select(
            side.c.id,
            side.c.relation,
            side.c.inverse,
            cast(own_key, String).label("own"),
            cast(other_key, String).label("other"),
        )
        .join(own, own.id == side.c.own_id)
        .join(Ticket, Ticket.id == side.c.other_id)
        .where(policy.readable(shape))
        .order_by(side.c.created_at, side.c.id, side.c.inverse)
    )


async def links_of(reads: ReadSession, principal: Principal, rows: Sequence[Any]) -> Mapping[str, str]:
    """`include=links`: in one statement. A link between two tickets of one page is told from its first one's side."""
    ids = distinct(rows, "id")
    if not ids:
        return {}
    parameters = {**policy.caller_parameters(principal), "ids": ids}
    found = await reads.fetch(_labels_read(policy.shape_of(principal)), parameters)
    labels: dict[str, str] = {}
    for row in found:
        key = public_id("lnk", row["id"])
        kind = kind_from(Relation(row["relation"]), is_inverse=row["inverse"])
        head = json.dumps({"id": key, "kind": kind.value})
        labels.setdefault(key, f'{head[:-1]},"of":{row["own"]},"ticket":{row["other"]}}}')
    return labels
