"""Many tickets in one transaction, each item in a savepoint of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.database.writes import update_at_flush
from helpdesk_api.domains.bulk.errors import BulkRolledBack
from helpdesk_api.domains.bulk.schemas import BulkItem, TicketBulk
from helpdesk_api.domains.bulk.steps import TicketStep, take_step
from helpdesk_api.domains.tickets import queries
from helpdesk_api.domains.tickets.errors import TicketNotFound, TicketRepeated
from helpdesk_api.domains.tickets.queries import VisibleTicket
from helpdesk_api.domains.tickets.routes import current_etag
from helpdesk_api.domains.tickets.several import lock_many_visible
from helpdesk_api.outbox.pending import write_pending
from helpdesk_api.web.errors import FieldError, ProblemError
from helpdesk_api.web.preconditions import IfMatch
from helpdesk_api.web.problems import of_one

OK = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """The problem, or the ticket's JSON text and ETag; these are null when it has left the caller's sight."""

    item: BulkItem
    ticket: str | None = None
    etag: str | None = None
    problem: ProblemError | None = None

    def json(self) -> str:
        status = self.problem.status if self.problem is not None else OK
        head = json.dumps({"ticket_id": self.item.ticket_id, "status": status, "etag": self.etag})
        problem = json.dumps(shown(self.problem), ensure_ascii=False) if self.problem is not None else "null"
        return f'{head[:-1]},"ticket":{self.ticket or "null"},"problem":{problem}}}'


async def change_tickets(
    session: AsyncSession, database: Database, principal: Principal, body: TicketBulk
) -> list[Outcome]:
    """In the order of the items. Raises `ticket_repeated`, and `bulk_rolled_back` for an atomic one that fails."""
    visible = await lock_many_visible(session, principal, [item.ticket_id for item in body.items])
    _refuse_repeated(body.items, visible)
    outcomes = [
        await _change(session, database, principal, item, visible.get(item.ticket_id), f"#/items/{place}")
        for place, item in enumerate(body.items)
    ]
    failed = {place: one.problem for place, one in enumerate(outcomes) if one.problem is not None}
    if body.atomic and failed:
        message = f"{len(failed)} of {len(outcomes)} items failed; none was changed."
        raise BulkRolledBack(message, errors=[error for place, one in failed.items() for error in _errors(one, place)])
    return outcomes


def _refuse_repeated(items: Sequence[BulkItem], visible: dict[str, VisibleTicket]) -> None:
    seen = set()
    for place, item in enumerate(items):
        found = visible.get(item.ticket_id)
        key = found.locked.id if found is not None else item.ticket_id
        if key in seen:
            raise TicketRepeated(pointer=f"#/items/{place}/ticket_id")
        seen.add(key)


async def _change(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    item: BulkItem,
    visible: VisibleTicket | None,
    pointer: str,
) -> Outcome:
    if visible is None:
        return Outcome(item, problem=TicketNotFound(pointer=f"{pointer}/ticket_id"))
    problem = await take_steps(
        session, database, principal, visible, item.steps, pointer=pointer, if_match=IfMatch(item.if_match)
    )
    if problem is not None:
        return Outcome(item, problem=problem)
    return Outcome(item, *await queries.as_seen(session, principal, visible.ticket))


async def take_steps(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    visible: VisibleTicket,
    steps: Sequence[TicketStep],
    *,
    pointer: str,
    if_match: IfMatch | None = None,
) -> ProblemError | None:
    """All of them, or none and the problem, which points at its step below `pointer`. The ticket is locked.

    A defect of ours that one ticket meets is that ticket's problem: the others are changed all the same.
    """
    place = 0
    try:
        await queries.know_target(session, principal, visible)
        if if_match is not None:
            if_match.check(current_etag(principal, visible.ticket))
        async with savepoint(session):
            update_at_flush(session, visible.ticket)
            for place, step in enumerate(steps):  # noqa: B007 - named by the problem
                await take_step(session, database, principal, visible, step)
                # The log as the next step has to find it.
                await write_pending(session)
    except ProblemError as error:
        return _placed(error, f"{pointer}/steps/{place}/body")
    except Exception as error:  # noqa: BLE001 - logged, or raised again
        return of_one(error, ticket_id=public_id("tkt", visible.locked.id))
    return None


def _placed(error: ProblemError, pointer: str) -> ProblemError:
    """The same problem, its pointers leading from the root of the whole request."""
    error.errors = [
        replace(wrong, pointer=pointer + wrong.pointer.removeprefix("#")) if wrong.pointer is not None else wrong
        for wrong in error.errors
    ]
    return error


def _errors(problem: ProblemError, place: int) -> list[FieldError]:
    return [FieldError(problem.code, problem.detail, pointer=f"#/items/{place}"), *problem.errors]


def shown(problem: ProblemError) -> dict[str, Any]:
    """As `BulkProblem` has it."""
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "detail": problem.detail,
        "code": problem.code,
        "errors": [{"pointer": wrong.pointer, "code": wrong.code, "detail": wrong.detail} for wrong in problem.errors],
    }
