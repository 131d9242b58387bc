"""The scope and the predicate say the same for every role and ticket."""

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments import policy as comments
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.outbox.events import Visibility
from tests.factories.records import Make, principal_of


async def test_scope_equals_predicate(
    database: Database, a_user: Make, a_team: Make, a_ticket: Make, an_organization: Make
) -> None:
    teams = [await a_team(auto_assign=False), await a_team(auto_assign=False)]
    organizations = [await an_organization(), await an_organization()]
    people = [
        await a_user(
            role=role,
            teams=team if role is not Role.REQUESTER else [],
            organization_id=organization.id if organization else None,
            sees_organization=sees,
        )
        for role in Role
        for team in ([], teams[:1], teams)
        for organization in (None, *organizations)
        for sees in (False, True)
    ]
    tickets = []
    for number, requester in enumerate(people[::3]):
        team_id = (None, teams[0].id, teams[1].id)[number % 3]
        tickets.append(await a_ticket(requester_id=requester.id, team_id=team_id))
    async with database.session() as session:
        for number, ticket in enumerate(tickets):
            session.add(
                TicketParticipant(
                    ticket_id=ticket.id,
                    user_id=people[(number * 5) % len(people)].id,
                    added_by_id=people[0].id,
                    added_at=clock.now(),
                )
            )
            session.add(
                TicketWatcher(
                    ticket_id=ticket.id, user_id=people[(number * 7 + 1) % len(people)].id, added_at=clock.now()
                )
            )
            for visibility in Visibility:
                session.add(
                    Comment(
                        ticket_id=ticket.id,
                        author_id=people[0].id,
                        visibility=visibility,
                        channel=ticket.channel,
                        body="x",
                        body_html="x",
                        created_at=clock.now(),
                        version=1,
                    )
                )
        for number, ticket in enumerate(tickets):
            (await session.get_one(Ticket, ticket.id)).updated_at = clock.now()
            if number % 4 == 0:
                row = await session.get_one(Ticket, ticket.id)
                row.assignee_id = people[-1 - number].id
            if number % 3 == 0:
                row = await session.get_one(Ticket, ticket.id)
                row.collaborator_ids = [people[(number * 11 + 2) % len(people)].id, people[-2 - number].id]
    async with database.session() as session:
        rows = list((await session.execute(select(Ticket))).scalars())
        participants = set(
            (await session.execute(select(TicketParticipant.ticket_id, TicketParticipant.user_id))).all()
        )
        all_comments = list((await session.execute(select(Comment))).scalars())
        by_id = {ticket.id: ticket for ticket in rows}
        seen, elsewhere = 0, aliased(Ticket)
        for person in people:
            principal = await principal_of(database, person)
            in_scope = set((await session.execute(select(Ticket.id).where(policy.readable(principal)))).scalars())
            prepared = select(Ticket.id).where(policy.readable(policy.shape_of(principal)))
            parameters = policy.caller_parameters(principal)
            assert set((await session.execute(prepared, parameters)).scalars()) == in_scope
            other = select(elsewhere.id).where(policy.readable(principal, elsewhere))
            assert set((await session.execute(other)).scalars()) == in_scope
            on = {ticket.id: (ticket.id, person.id) in participants for ticket in rows}
            by_predicate = {t.id for t in rows if policy.may_read(principal, t, is_participant=on[t.id])}
            assert in_scope == by_predicate, principal
            internal = set((await session.execute(select(Ticket.id).where(policy.sees_internal(principal)))).scalars())
            shown = await session.execute(select(Ticket.id, policy.shown_updated_at(principal)))
            times = {row[0]: row[1] for row in shown}
            for one in rows:
                assert times[one.id] == (one.updated_at if one.id in internal else one.public_updated_at)
            assert internal == {t.id for t in rows if policy.works_on(principal, t)}, principal
            statement = (
                select(Comment.id).join(Ticket, Ticket.id == Comment.ticket_id).where(comments.readable(principal))
            )
            assert set((await session.execute(statement)).scalars()) == {
                c.id
                for c in all_comments
                if comments.may_read(principal, by_id[c.ticket_id], c, is_participant=on[c.ticket_id])
            }, principal
            seen += len(in_scope)
        assert 0 < seen < len(people) * len(rows), "the property must have seen both answers"
        assert await session.scalar(select(func.count()).select_from(Ticket)) == len(rows)
