"""Random histories: whatever people do, in whatever order, what is stored equals what the events say."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck
from hypothesis import settings as bounded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Uuid, bindparam, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.actions import assign_ticket
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.sla import calendar_actions, calendar_queries, clock_actions, policy_actions, policy_queries
from helpdesk_api.domains.sla.calendar_schemas import CalendarCreate, CalendarVersionCreate
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_schemas import DeadlineUpdate
from helpdesk_api.domains.sla.clock_store import CLOCKS, read_clocks
from helpdesk_api.domains.sla.policy_schemas import SlaPolicyCreate, SlaPolicyPublish, SlaPolicyUpdate
from helpdesk_api.domains.sla.preview import preview
from helpdesk_api.domains.sla.recompute import compare_ticket
from helpdesk_api.domains.tickets import actions
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.opening import open_ticket, update_ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketPend, TicketReopen, TicketResolve, TicketUpdate
from helpdesk_api.installation import install_wiring
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.web.errors import ProblemError
from helpdesk_api.web.preconditions import UNCONDITIONAL
from helpdesk_api.worker import drain
from tests.factories.records import make_team, make_ticket, make_user, principal_of

S = TicketStatus
_CLOCKS = CompiledStatement(
    select(*CLOCKS.columns).where(SlaClock.ticket_id == bindparam("ticket_id", type_=Uuid(as_uuid=True)))
)
METRICS = ("first_response", "next_response", "update", "resolution", "assignment")
# Several at one instant, of both kinds, and one that changes the ticket.
WARNINGS = [{"percent": 50}, {"seconds_before": 3600}]
LADDER = [
    {"offset_seconds": offset, "actions": [{"type": kind, **({"to": "assignee"} if kind == "notify" else {})}]}
    for offset, kind in (
        (3600, "notify"),
        (-3600, "raise_priority"),
        (-3600, "notify"),
        (0, "notify"),
        (3600, "notify"),
    )
]
WEEK = [{"day": day, "opens": "09:00", "closes": "17:00"} for day in ("monday", "tuesday", "thursday", "sunday")]

_Due = dict[tuple[str, str], datetime | None]


class Histories(RuleBasedStateMachine):
    """A desk with all metrics promised in opening hours, and people who do what they like to one ticket."""

    url = ""

    @initialize()
    def open_desk(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = datetime(2026, 10, 23, 8, tzinfo=UTC)
        self.database = Database(self.url)
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def held() -> Any:
            with clock.frozen(self.now):
                return await work

        return self.loop.run_until_complete(held())

    async def _open(self) -> None:
        self.admin = await principal_of(self.database, await make_user(self.database, role=Role.ADMIN))
        requester = await make_user(self.database)
        self.requester = await principal_of(self.database, requester)
        async with self.database.session() as session:
            name = f"Berlin {self.admin.user_id.hex}"
            body = CalendarCreate(name=name, time_zone="Europe/Berlin", weekly_hours=WEEK)
            self.calendar = (await calendar_actions.create_calendar(session, self.admin, body)).id
            other = CalendarCreate(name=f"Other {self.admin.user_id.hex}", time_zone="UTC", weekly_hours=WEEK[:2])
            self.calendars = [self.calendar, (await calendar_actions.create_calendar(session, self.admin, other)).id]
        targets = [
            {"metric": metric, "priority": priority.value, "seconds": 3600 * (2 + place)}
            for metric in METRICS
            for place, priority in enumerate(reversed(Priority))
        ]
        async with self.database.session() as session:
            policy_body = SlaPolicyCreate(
                name=f"All {self.admin.user_id.hex}",
                calendar_id=self.calendar,
                targets=targets,
                warnings=WARNINGS,
                escalations=LADDER,
                # What is promised goes with one subject, and comes back with another.
                conditions={
                    "all": [
                        {"field": "requester_id", "op": "eq", "value": f"usr_{self.requester.user_id.hex}"},
                        {"field": "subject", "op": "ne", "value": "b"},
                    ]
                },
            )
            policy, _ = await policy_actions.create_policy(session, self.database, self.admin, policy_body)
            self.policy = policy.id
            await policy_actions.publish(session, self.admin, policy, SlaPolicyPublish())
        async with self.database.session() as session:
            order = [row["id"] for row in (await self._policies())["data"] if row["id"] != self.policy]
            await policy_actions.order_policies(session, self.admin, [self.policy, *order])
        self.teams = [(await make_team(self.database)).id for _ in range(2)]
        await self._draft_between_teams()
        self.worker_rests = self.imports = False
        ticket = await make_ticket(self.database, by=requester)
        self.ticket, self.ticket_id = ticket.reference, ticket.id

    async def _draft_between_teams(self) -> None:
        async with self.database.session() as session:
            body = SlaPolicyCreate(
                name=f"OLA {self.admin.user_id.hex}",
                kind="ola",
                team_id=self.teams[0],
                calendar_id=self.calendar,
                targets=[
                    {"metric": metric, "priority": p.value, "seconds": 7200}
                    for metric in METRICS
                    for p in (Priority.HIGH, Priority.CRITICAL)
                ],
                warnings=WARNINGS,
                escalations=LADDER,
            )
            policy, _ = await policy_actions.create_policy(session, self.database, self.admin, body)
            self.between_teams = policy.id

    async def _policies(self) -> dict[str, Any]:
        async with self.database.reads() as reads:
            return await policy_queries.list_policies(reads, archived=False)

    def act(self, work: Any, *, by: Any = None) -> None:
        async def change() -> None:
            try:
                async with self.database.session() as session:
                    ticket, is_participant = await lock_visible(session, by or self.admin, self.ticket)
                    with self._import_clock(ticket):
                        await work(session, by or self.admin, ticket, is_participant)
            except ProblemError:
                return  # Not allowed now: nothing has changed.

        self.run(change())

    @contextmanager
    def _import_clock(self, ticket: Any) -> Iterator[None]:
        """Of an import what happened comes a part of the way from the last change until now."""
        if not self.imports:
            yield
            return
        held = clock.import_at(ticket.updated_at + max(self.now - ticket.updated_at, timedelta(0)) / 4)
        try:
            yield
        finally:
            clock.release(held)

    @rule()
    def import_or_live(self) -> None:
        self.imports = not self.imports

    @rule(days=st.sampled_from([1, 12]))
    def import_another(self, days: int) -> None:
        async def open_another() -> None:
            fields = {"subject": "a", "description": "A.", "occurred_at": self.now - timedelta(days=days)}
            async with self.database.session() as session:
                body = TicketCreate(requester_id=self.requester.user_id, **fields)
                ticket = await open_ticket(session, self.database, self.admin, body)
                self.ticket, self.ticket_id = ticket.reference, ticket.id

        self.run(open_another())
        self.imports = True

    @rule(minutes=st.sampled_from([1, 7, 45, 60, 180, 600, 1440, 4000, 11000]))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes, microseconds=minutes)

    @rule()
    def rest_or_work(self) -> None:
        self.worker_rests = not self.worker_rests

    @rule(place=st.integers(0, 1))
    def hand_over(self, place: int) -> None:
        body = AssignmentCreate(team_id=self.teams[place])
        self.act(lambda s, p, t, _: assign_ticket(s, self.database, p, t, body))

    @rule(later=st.sampled_from([0, 3, 30]))
    def promise_between_teams(self, later: int) -> None:
        self.run(self._publish(self.between_teams, later, {"description": f"From {self.now}."}))

    @rule()
    def start(self) -> None:
        self.act(lambda s, p, t, _: actions.start_ticket(s, p, t))

    @rule(reason=st.sampled_from([PendingReason.REQUESTER, PendingReason.VENDOR, PendingReason.CHANGE]))
    def pend(self, reason: PendingReason) -> None:
        self.act(lambda s, p, t, _: actions.pend_ticket(s, p, t, TicketPend(reason=reason)))

    @rule()
    def resume(self) -> None:
        self.act(lambda s, p, t, _: actions.resume_ticket(s, p, t))

    @rule()
    def resolve(self) -> None:
        body = TicketResolve(resolution_code="fixed", resolution_text="Done.")
        self.act(lambda s, p, t, _: actions.resolve_ticket(s, p, t, body))

    @rule()
    def reopen(self) -> None:
        self.act(lambda s, p, t, _: actions.reopen_ticket(s, p, t, TicketReopen(reason="Again.")))

    @rule(
        priority=st.sampled_from([None, Priority.LOW, Priority.HIGH]),
        place=st.sampled_from([None, 0, 1]),
        minutes=st.sampled_from([60, 11000]),
        with_a_word=st.booleans(),
    )
    def reopen_otherwise(self, priority: Priority | None, place: int | None, minutes: int, with_a_word: bool) -> None:
        """What was resolved comes back to others, for another priority, inside of the window or after it."""
        self.resolve()
        if priority is not None:
            self.prioritise(priority)
        if place is not None:
            self.hand_over(place)
        self.pass_time(minutes)
        if with_a_word:
            self.say(by_staff=False, internal=False)
        else:
            self.reopen()

    @rule(by_staff=st.booleans(), internal=st.booleans())
    def say(self, by_staff: bool, internal: bool) -> None:
        speaker = self.admin if by_staff else self.requester
        body = CommentCreate(body="Hm.", visibility="internal" if internal and by_staff else "public")

        async def speak(session: Any, principal: Any, ticket: Any, is_participant: bool) -> None:
            if ticket.status in {S.CLOSED, S.CANCELLED}:
                return
            await add_comment(session, self.database, principal, ticket, body, is_participant=is_participant)

        self.act(speak, by=speaker)

    @rule(priority=st.sampled_from(list(Priority)))
    def prioritise(self, priority: Priority) -> None:
        body = TicketUpdate(priority=priority, priority_reason="So.")
        self.act(lambda s, p, t, _: update_ticket(s, self.database, p, t, body))

    @rule(word=st.sampled_from(["a", "b"]))
    def rename(self, word: str) -> None:
        self.act(lambda s, p, t, _: update_ticket(s, self.database, p, t, TicketUpdate(subject=word)))

    @rule(hours=st.integers(1, 9), later=st.sampled_from([0, 3, 30]), place=st.integers(0, 1))
    def promise_otherwise(self, hours: int, later: int, place: int) -> None:
        priorities = [p for p in Priority if p is not Priority.LOW or hours % 3]
        targets = [{"metric": "resolution", "priority": p.value, "seconds": 3600 * hours} for p in priorities]
        if hours % 2:
            targets += [
                {"metric": metric, "priority": p.value, "seconds": 1800 * hours}
                for p in priorities
                for metric in ("update", "next_response", "assignment")
            ]
        # Steps at other places, and others at theirs.
        warnings = [{"percent": 10 * hours}, *WARNINGS] if hours % 3 else WARNINGS
        steps = {"warnings": warnings, "escalations": LADDER[hours % 4 :], "calendar_id": self.calendars[place]}
        self.run(self._publish(self.policy, later, {"targets": targets, **steps}))

    @rule(days=st.sampled_from([1, 12]), hours=st.integers(1, 9), place=st.integers(0, 1))
    def promise_otherwise_to_an_import(self, days: int, hours: int, place: int) -> None:
        """Else they would seldom come to a preview of one."""
        self.worker_rests = False
        self.import_another(days)
        self.rename("a")
        self.promise_otherwise(hours, 0, place)

    async def _publish(self, policy_id: UUID, later: int, fields: dict[str, Any]) -> None:
        try:
            async with self.database.session() as session:
                policy = await policy_queries.lock_policy(session, policy_id)
                change = SlaPolicyUpdate.model_validate(fields)
                await policy_actions.update_policy(session, self.database, self.admin, policy, change)
            foretold = None
            if not (later or self.worker_rests):
                foretold = await self._foretold(policy_id, await self._ongoing())
            async with self.database.session() as session:
                policy = await policy_queries.lock_policy(session, policy_id)
                body = SlaPolicyPublish(effective_from=self.now + timedelta(hours=later))
                await policy_actions.publish(session, self.admin, policy, body)
        except ProblemError:
            return  # Another version waits for its instant.
        if foretold is not None:
            await drain(self.database)
            assert await self._ongoing() == foretold

    async def _ongoing(self) -> _Due:
        await drain(self.database)
        async with self.database.reads() as reads:
            rows = [CLOCKS.load(row) for row in await reads.fetch(_CLOCKS, {"ticket_id": self.ticket_id})]
        return {(one.kind, one.metric): one.due_at for one in rows if one.ended_at is None}

    async def _foretold(self, policy_id: UUID, due: _Due) -> _Due:
        """What a preview says of that."""
        async with self.database.reads() as reads:
            found = await preview(reads, self.database, policy_id, effective_from=None)
        moves = [one for one in found["data"] if one["ticket_id"] == self.ticket_id]
        moved = {(one["kind"], one["metric"]): one["new_due_at"] for one in moves}
        gone = {(one["kind"], one["metric"]) for one in moves if one["is_cancelled"]}
        begun = {(b["kind"], b["metric"]): b["due_at"] for b in found["begins"] if b["ticket_id"] == self.ticket_id}
        return {key: at for key, at in {**due, **moved, **begun}.items() if key not in gone}

    @rule(place=st.integers(0, 4), hours=st.sampled_from([None, 1, 5, 40]))
    def agree_by_hand(self, place: int, hours: int | None) -> None:
        body = DeadlineUpdate(due_at=self.now + timedelta(hours=hours) if hours is not None else None)

        async def agree(session: Any, principal: Any, ticket: Any, _: bool) -> None:
            rows = await read_clocks(session, ticket.id)
            one = rows[place % len(rows)]
            await clock_actions.set_deadline(session, principal, ticket, one.id, body, UNCONDITIONAL)

        self.act(agree)

    @rule(closes=st.sampled_from(["12:00", "17:00", "23:30"]))
    def open_otherwise(self, closes: str) -> None:
        async def change() -> None:
            week = [{**day, "closes": closes} for day in WEEK]
            body = CalendarVersionCreate.model_validate({"time_zone": "Europe/Berlin", "weekly_hours": week})
            try:
                async with self.database.session() as session:
                    calendar = await calendar_queries.lock_calendar(session, self.calendar)
                    await calendar_actions.add_version(session, self.admin, calendar, body)
            except ProblemError:
                return

        self.run(change())

    @precondition(lambda self: hasattr(self, "ticket"))
    @invariant()
    def stored_equals_derived(self) -> None:
        if self.worker_rests:
            return

        async def compare() -> list[str]:
            await drain(self.database)
            async with self.database.reads() as reads:
                _, found = await compare_ticket(reads, self.ticket_id, await policy_queries.promises(self.database))
            return [str(item) for item in found]

        assert self.run(compare()) == []

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.database.dispose())
            self.loop.close()


async def test_whatever_happens_stored_equals_derived(own_database: Database, settings: Settings) -> None:
    install_wiring(settings)
    delivery.use_transport(FakeMail())
    Histories.url = own_database.url
    bounds = bounded(
        max_examples=8,
        stateful_step_count=14,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    await asyncio.to_thread(run_state_machine_as_test, Histories, settings=bounds)
