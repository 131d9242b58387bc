"""Work that happens by itself: waiting tickets are served, absences end, hand-overs go on."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.assignments import actions, availability
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.jobs.queue import NewJob, enqueue_many
from helpdesk_api.outbox.events import Cause

ASSIGN_WAITING = "assignments.assign_waiting"
SERVE_EVERY_TEAM = "assignments.serve_every_team"
END_ABSENCES = "assignments.end_absences"
HAND_OVER = availability.HAND_OVER


def serve_team(team_id: UUID, *, event_id: UUID | None = None, depth: int = 1) -> NewJob:
    """One team's waiting tickets. `event_id` names what made somebody free.

    No dedupe key: a run that is under way may already have looked at who is free.
    """
    cause = {"event_id": event_id.hex, "depth": depth} if event_id is not None else None
    return NewJob(name=ASSIGN_WAITING, payload={"team_id": team_id.hex, "cause": cause})


async def assign_waiting(session: AsyncSession, payload: dict[str, Any]) -> None:
    """A full batch means that there may be more."""
    cause, team_id = payload.get("cause"), UUID(hex=payload["team_id"])
    because = Cause(UUID(hex=cause["event_id"]), depth=cause["depth"]) if cause else None
    if await actions.assign_waiting(session, team_id, cause=because) == actions.WAITING_BATCH:
        await enqueue_many(session, [serve_team(team_id)])


async def serve_every_team(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: whatever was passed over, because somebody held it at the moment, is tried again."""
    del payload
    waiting = (Ticket.awaits_member, Ticket.status.in_(sorted(ACTIVE_STATUSES)))
    teams = select(Ticket.team_id).where(*waiting, Ticket.team_id.is_not(None)).distinct()
    found = (await session.scalars(teams)).all()
    await enqueue_many(session, [serve_team(team_id) for team_id in found if team_id is not None])


async def end_absences(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: who was away until now is back."""
    del payload
    await availability.end_absences(session)


async def hand_over(session: AsyncSession, payload: dict[str, Any]) -> None:
    """What was left of a hand-over; does nothing once they are back."""
    await availability.go_on_handing_over(session, UUID(hex=payload["user_id"]))


JOBS = {
    ASSIGN_WAITING: assign_waiting,
    SERVE_EVERY_TEAM: serve_every_team,
    END_ABSENCES: end_absences,
    HAND_OVER: hand_over,
}
