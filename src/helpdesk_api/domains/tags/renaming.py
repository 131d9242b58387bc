"""Renaming a tag on all tickets, in small transactions: a killed worker leaves nothing half done and nothing twice."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS, principal_of
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.writes import database_of, statements_of, update_at_flush
from helpdesk_api.domains.tags import errors
from helpdesk_api.domains.tags.enums import TagRenameStatus
from helpdesk_api.domains.tags.events import TagRenamed
from helpdesk_api.domains.tags.models import TagRename
from helpdesk_api.domains.tags.rewriting import policies_that_name, rewrite
from helpdesk_api.domains.tags.rules import renamed
from helpdesk_api.domains.tags.schemas import TagRenameCreate
from helpdesk_api.domains.tickets.actions import apply
from helpdesk_api.domains.tickets.events import TicketUpdated
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record

RUN = "tags.rename"
BATCH = 50
CALLER_GONE = "caller_gone"
_ACTIVE = "uq_tag_renames_active"
_ENDED = frozenset({TagRenameStatus.DONE, TagRenameStatus.FAILED})


async def begin(session: AsyncSession, principal: Principal, body: TagRenameCreate) -> TagRename:
    """What names the tag follows now; the tickets follow in batches.

    Raises `tag_unchanged`, `tag_in_policy`, `tag_not_in_queries` and `tag_rename_running`.
    """
    if body.name == body.new_name:
        raise errors.TagUnchanged(pointer="#/new_name")
    if policies := await policies_that_name(session, body.name):
        raise errors.TagInPolicy(params={"policy_ids": [public_id("slp", one) for one in policies]})
    tagged = select(func.count()).select_from(Ticket).where(_has(body.name))
    rename = TagRename(
        id=new_id(),
        name=body.name,
        new_name=body.new_name,
        created_by_id=principal.user_id,
        scopes=sorted(principal.permissions),
        status=TagRenameStatus.QUEUED,
        is_active=True,
        total=await session.scalar(tagged) or 0,
        done=0,
        created_at=clock.now(),
        version=1,
    )
    session.add(rename)
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == _ACTIVE:
            raise errors.TagRenameRunning from error
        raise
    counts = await rewrite(session, body.name, body.new_name)
    event = TagRenamed(
        subject_id=rename.id,
        visibility=Visibility.INTERNAL,
        internal_data={"from": body.name, "to": body.new_name, **counts},
        entity=rename,
    )
    await record(session, principal, event)
    await _enqueue(session, rename)
    return rename


def _has(tag: str) -> ColumnElement[bool]:
    return Ticket.tags.bool_op("@>")(literal([tag], ARRAY(Text)))


async def _enqueue(session: AsyncSession, rename: TagRename) -> None:
    payload = {"rename_id": rename.id.hex}
    await enqueue(session, RUN, payload, dedupe_key=f"tags:{rename.id.hex}:{rename.version}")


async def run(session: AsyncSession, payload: dict[str, Any]) -> None:
    """One batch, and the job for the next; done when no ticket has the old name any more."""
    rename = await session.get(TagRename, UUID(hex=payload["rename_id"]), with_for_update=True)
    if rename is None or rename.status in _ENDED:
        return
    grants = await GRANTS.get(database_of(session), rename.created_by_id.hex)
    principal = principal_of(grants, scopes=rename.scopes) if grants is not None and grants.is_active else None
    if principal is None or not principal.has(Permission.CONFIGURATION_WRITE):
        rename.problem_code = CALLER_GONE
        _end(rename, TagRenameStatus.FAILED)
        return
    taken = await _take_batch(session, principal, rename)
    if taken == 0:
        _end(rename, TagRenameStatus.DONE)
        return
    rename.done += taken
    rename.status = TagRenameStatus.RUNNING
    rename.version += 1
    await _enqueue(session, rename)


async def _take_batch(session: AsyncSession, principal: Principal, rename: TagRename) -> int:
    """In the order in which everybody locks tickets. Merged and closed ones too: their tags are asked for as well."""
    found = (
        select(*TICKETS.columns)
        .where(_has(rename.name))
        .order_by(Ticket.id)
        .limit(BATCH)
        .with_for_update(of=Ticket.__table__)
    )
    tickets = [TICKETS.entity(row) for row in await (await statements_of(session)).fetch(found)]
    for ticket in tickets:
        update_at_flush(session, ticket)
        tags = renamed(ticket.tags, rename.name, rename.new_name)
        await apply(session, principal, ticket, TicketUpdated, {"tags": tags})
    return len(tickets)


def _end(rename: TagRename, status: TagRenameStatus) -> None:
    rename.status = status
    rename.is_active = None
    rename.finished_at = clock.now()
    rename.version += 1
