"""Telling the stories to the product: every step is done by its own action, at its own instant, in order of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.demo import script
from helpdesk_api.demo.organization import Cast
from helpdesk_api.demo.script import ASSIGNEE, Step, Story
from helpdesk_api.domains.assignments.actions import assign_ticket
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.tickets import actions, people
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import open_ticket, update_ticket
from helpdesk_api.domains.tickets.schemas import (
    TicketCancel,
    TicketCreate,
    TicketPend,
    TicketReopen,
    TicketResolve,
    TicketUpdate,
)
from helpdesk_api.domains.tickets.windows import auto_close_after
from helpdesk_api.outbox.events import Visibility


@dataclass(slots=True)
class _Told:
    """A story that has begun."""

    story: Story
    ticket: Ticket
    participants: set[str]


@dataclass(slots=True)
class Stage:
    """Where the stories are told: one transaction, and who is in it. `now` is the real instant."""

    session: AsyncSession
    database: Database
    cast: Cast
    now: datetime
    follow_ups: int = 0

    async def tell(self, stories: tuple[Story, ...]) -> int:
        """All steps of all stories by their instants, as they would have happened. Returns how many tickets."""
        told: dict[int, _Told] = {}
        for at, number, place in self._order(stories):
            with clock.frozen(at):
                if place < 0:
                    told[number] = await self._open(stories[number])
                else:
                    await self._do(told[number], stories[number].steps[place][1])
        return len(told) + self.follow_ups

    def _order(self, stories: tuple[Story, ...]) -> list[tuple[datetime, int, int]]:
        """Instant, story, and place of the step in it (-1 opens it)."""
        moments: list[tuple[datetime, int, int]] = []
        for number, story in enumerate(stories):
            moments.append((story.opened.instant(self.now), number, -1))
            for place, (when, step) in enumerate(story.steps):
                at = when.instant(self.now)
                if isinstance(step, script.Close) and step.by is None:
                    at += auto_close_after()
                if at < self.now:
                    moments.append((at, number, place))
        return sorted(moments)

    async def _open(self, story: Story) -> _Told:
        cast = self.cast
        body = TicketCreate(
            type=story.type,
            subject=story.subject,
            description=story.text,
            requester_id=cast.people[story.by],
            channel=story.channel,
            category_id=cast.categories[story.category] if story.category is not None else None,
            impact=story.impact,
            urgency=story.urgency,
            tags=list(story.tags),
            steps_tried=story.tried,
            affected_service=story.service,
            began_at=clock.now() - timedelta(minutes=25) if story.type.value == "incident" else None,
            external_source=story.external[0] if story.external is not None else None,
            external_id=story.external[1] if story.external is not None else None,
        )
        principal = cast.principal(story.taken_by or story.by)
        return _Told(story, await open_ticket(self.session, self.database, principal, body), set())

    def _actor(self, told: _Told, key: str) -> Principal:
        """Whoever has the ticket when nobody is named; the lead of its team when nobody has it."""
        if key != ASSIGNEE:
            return self.cast.principal(key)
        assignee: UUID | None = told.ticket.assignee_id
        if assignee is None:
            message = f"nobody has {told.story.subject!r} yet"
            raise ValueError(message)
        return self.cast.principal(self.cast.key_of(assignee))

    async def _do(self, told: _Told, step: Step) -> None:
        session, ticket = self.session, told.ticket
        match step:
            case script.Say():
                await self._say(told, step)
            case script.Assign():
                await self._assign(told, step)
            case script.Start():
                await actions.start_ticket(session, self._actor(told, step.by), ticket)
            case script.Pend():
                resumes_at = self.now + timedelta(days=step.resumes_in_days) if step.resumes_in_days else None
                body = TicketPend(reason=step.reason, resumes_at=resumes_at)
                await actions.pend_ticket(session, self._actor(told, step.by), ticket, body)
            case script.Resume():
                await actions.resume_ticket(session, self._actor(told, step.by), ticket)
            case script.Resolve():
                resolution = TicketResolve(resolution_code=step.code, resolution_text=step.text)
                await actions.resolve_ticket(session, self._actor(told, step.by), ticket, resolution)
            case _:
                await self._settle(told, step)

    async def _settle(self, told: _Told, step: Step) -> None:
        session, ticket = self.session, told.ticket
        match step:
            case script.Confirm():
                await actions.confirm_ticket(session, self.cast.principal(told.story.by), ticket)
            case script.Reopen():
                reason = TicketReopen(reason=step.reason)
                await actions.reopen_ticket(session, self._actor(told, step.by), ticket, reason)
            case script.Close():
                closer = self.cast.principal(step.by) if step.by is not None else Principal.system()
                await actions.close_ticket(session, closer, ticket)
            case script.Cancel():
                why = TicketCancel(reason=step.reason)
                await actions.cancel_ticket(session, self._actor(told, step.by), ticket, why)
            case script.Prioritise():
                change = TicketUpdate(priority=step.priority, priority_reason=step.reason)
                await update_ticket(session, self.database, self._actor(told, step.by), ticket, change)
            case script.Add():
                added = self.cast.people[step.person]
                await people.add_participant(session, self.database, self._actor(told, step.by), ticket, added)
                told.participants.add(step.person)

    async def _say(self, told: _Told, step: script.Say) -> None:
        body = CommentCreate(
            body=step.text,
            visibility=Visibility.INTERNAL if step.internal else Visibility.PUBLIC,
            channel=step.channel,
            mention_ids=[self.cast.people[key] for key in step.mentions],
        )
        _, follow_up = await add_comment(
            self.session,
            self.database,
            self._actor(told, step.by),
            told.ticket,
            body,
            is_participant=step.by in told.participants,
        )
        if follow_up is not None:
            told.ticket = follow_up
            self.follow_ups += 1

    async def _assign(self, told: _Told, step: script.Assign) -> None:
        values: dict[str, object] = {}
        if step.to is not None:
            values |= {"assignee_id": public_id("usr", self.cast.people[step.to]), "replace": True}
        if step.team is not None:
            values["team_id"] = self.cast.teams[step.team]
        if step.reason is not None:
            values["reason"] = step.reason
        body = AssignmentCreate.model_validate(values)
        await assign_ticket(self.session, self.database, self._actor(told, step.by), told.ticket, body)
