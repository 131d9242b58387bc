"""What people are told by mail when something has happened. Each may run twice and tells once.

Nobody is told of their own doing, but for the receipt of a request; nothing internal reaches who may not read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.domains.comments import policy as comments
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion
from helpdesk_api.domains.notifications.enums import MailTemplate
from helpdesk_api.domains.notifications.posting import Letter, post
from helpdesk_api.domains.notifications.recipients import (
    Recipient,
    load_recipients,
    member_ids,
    participant_ids,
    team_lead_ids,
    watcher_ids,
)
from helpdesk_api.domains.notifications.rendering import Quote, day_text, language_of, moment_text
from helpdesk_api.domains.notifications.rules import Audience, told_of_comment
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_state import ONGOING
from helpdesk_api.domains.sla.escalations import notified
from helpdesk_api.domains.sla.events import SlaBreached, SlaEscalated
from helpdesk_api.domains.sla.policy_schemas import NotifyTarget
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import works_on
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow


@dataclass(frozen=True, slots=True)
class Scene:
    """An event's ticket as it is now, and the people in it."""

    event: EventRow
    ticket: Ticket
    people: dict[UUID, Recipient]

    def name(self, user_id: UUID | None) -> str | None:
        person = self.people.get(user_id) if user_id is not None else None
        return person.name if person is not None else None

    @property
    def actor(self) -> str | None:
        """Null when the product itself did it."""
        return self.name(self.event.actor_id) if self.event.actor_kind != "system" else None

    def letter(
        self,
        template: MailTemplate,
        user_id: UUID | None,
        facts: Mapping[str, str | bool | None] | None = None,
        *,
        quote: Quote | None = None,
    ) -> list[Letter]:
        """A letter to this person, or none where there is nobody, or nobody but the actor."""
        person = self.people.get(user_id) if user_id is not None else None
        if person is None or (person.id == self.event.actor_id and template is not MailTemplate.RECEIVED):
            return []
        known = {"actor": self.actor, **(facts or {})}
        return [Letter(template=template, to=person, facts=known, quote=quote, ticket=self.ticket)]


async def _scene(session: AsyncSession, event: EventRow, *more: UUID) -> Scene | None:
    """None for an imported ticket: its past is not news."""
    if event.ticket_id is None or event.data.get("imported"):
        return None
    ticket = await session.get_one(Ticket, event.ticket_id)
    people = await load_recipients(session, {ticket.requester_id, ticket.assignee_id, event.actor_id, *more})
    return Scene(event, ticket, people)


def _changed_to(event: EventRow, field: str) -> str | None:
    """The public id that a field was set to by this event, if it was."""
    after: str | None = event.changes.get(field, [None, None])[1]
    return after


async def _team_name(session: AsyncSession, team_id: UUID | None) -> str | None:
    team = await session.get(Team, team_id) if team_id is not None else None
    return team.name if team is not None else None


async def tell_of_receipt(session: AsyncSession, event: EventRow) -> None:
    """ticket.created: the requester has it in writing."""
    scene = await _scene(session, event)
    if scene is None:
        return
    facts = {
        "assignee": scene.name(scene.ticket.assignee_id),
        "team": await _team_name(session, scene.ticket.team_id),
    }
    await post(session, event.id, scene.letter(MailTemplate.RECEIVED, scene.ticket.requester_id, facts))


async def tell_of_assignment(session: AsyncSession, event: EventRow) -> None:
    """Whatever event set an assignee: tells the assignee, and the requester, whom a receipt has told already.

    Of a chain of assignments only the one that still holds is told.
    """
    assigned = _changed_to(event, "assignee_id")
    scene = await _scene(session, event) if assigned is not None else None
    if scene is None or assigned is None or scene.ticket.assignee_id != parse_id("usr", assigned):
        return
    ticket = scene.ticket
    facts: dict[str, str | bool | None] = {
        "priority": ticket.priority.value,
        "requester": scene.name(ticket.requester_id) or "",
    }
    letters = scene.letter(MailTemplate.ASSIGNED, ticket.assignee_id, facts)
    if event.type != "ticket.created" and ticket.requester_id != ticket.assignee_id:
        facts = {"assignee": scene.name(ticket.assignee_id), "team": None}
        letters += scene.letter(MailTemplate.IN_GOOD_HANDS, ticket.requester_id, facts)
    await post(session, event.id, letters)


async def tell_of_sharing(session: AsyncSession, event: EventRow) -> None:
    """ticket.collaborator_added: who now works on it, if they still do."""
    shared_with = parse_id("usr", event.data["user_id"])
    scene = await _scene(session, event, shared_with)
    if scene is not None and shared_with in scene.ticket.collaborator_ids:
        await post(session, event.id, scene.letter(MailTemplate.SHARED, shared_with))


async def tell_of_reminder(session: AsyncSession, event: EventRow) -> None:
    """ticket.reminder_due: whom it was set for, if they still work on it."""
    user_id = parse_id("usr", event.internal_data["user_id"])
    scene = await _scene(session, event, user_id)
    person = scene.people.get(user_id) if scene is not None else None
    if scene is None or person is None or not works_on(person.principal, scene.ticket):
        return
    note = event.internal_data["note"]
    await post(
        session, event.id, scene.letter(MailTemplate.REMINDER, user_id, quote=Quote.plain(note) if note else None)
    )


async def tell_of_article_review(session: AsyncSession, event: EventRow) -> None:
    """article.review_due: its owner, if it is still to be reviewed."""
    article = await session.get(Article, event.subject_id)
    if article is None or article.published_number is None or article.review_told_at is None:
        return
    version = await session.get_one(ArticleVersion, (article.id, article.published_number))
    owner = (await load_recipients(session, {article.owner_id})).get(article.owner_id)
    if owner is not None and owner.principal.is_staff:
        facts = {"article": version.title, "article_id": public_id("art", article.id)}
        await post(session, event.id, [Letter(template=MailTemplate.ARTICLE_REVIEW, to=owner, facts=facts)])


async def tell_of_comment(session: AsyncSession, event: EventRow) -> None:
    """comment.created: who takes part, and who is named, if they may read it."""
    comment = await session.get(Comment, parse_id("cmt", event.data["comment_id"]))
    if comment is None or event.ticket_id is None:
        return
    ticket = await session.get_one(Ticket, event.ticket_id)
    participants = await participant_ids(session, ticket)
    is_public = comment.visibility is Visibility.PUBLIC
    audience = Audience(
        author_id=comment.author_id,
        requester_id=ticket.requester_id,
        assignee_id=ticket.assignee_id,
        participants=participants,
        watchers=await watcher_ids(session, ticket) if is_public else frozenset(),
        mentioned={parse_id("usr", user_id) for user_id in event.data["mention_ids"]},
    )
    told = told_of_comment(audience, is_public=is_public, by_requester=event.data["by_requester"])
    scene = await _scene(session, event, *told)
    if scene is None:
        return
    quote = Quote(comment.body, comment.body_html)
    letters: list[Letter] = []
    for user_id, template in told.items():
        person = scene.people.get(user_id)
        takes_part = user_id in participants
        if person and comments.may_read(person.principal, ticket, comment, is_participant=takes_part):
            letters += scene.letter(template, user_id, {"internal": not is_public}, quote=quote)
    await post(session, event.id, letters)


async def tell_of_resolution(session: AsyncSession, event: EventRow) -> None:
    """ticket.resolved: the requester, with the resolution and what follows from silence."""
    scene = await _scene(session, event)
    text = _changed_to(event, "resolution_text")
    if scene is None or text is None:
        return
    requester = scene.people.get(scene.ticket.requester_id)
    closes_at = scene.ticket.closes_at
    closes_on = (
        day_text(closes_at, language_of(requester.locale), requester.time_zone) if requester and closes_at else None
    )
    letters = scene.letter(
        MailTemplate.RESOLVED, scene.ticket.requester_id, {"closes_on": closes_on}, quote=Quote.plain(text)
    )
    await post(session, event.id, letters)


async def tell_of_reopening(session: AsyncSession, event: EventRow) -> None:
    """ticket.reopened by hand: the assignee. One that a reply caused is told by the reply."""
    scene = await _scene(session, event) if event.cause_event_id is None else None
    if scene is not None:
        letters = scene.letter(MailTemplate.REOPENED, scene.ticket.assignee_id, quote=_reason(event))
        await post(session, event.id, letters)


async def tell_of_closing(session: AsyncSession, event: EventRow) -> None:
    """ticket.closed without the requester's word: the requester."""
    scene = await _scene(session, event)
    if scene is not None:
        await post(session, event.id, scene.letter(MailTemplate.CLOSED, scene.ticket.requester_id))


async def tell_of_cancellation(session: AsyncSession, event: EventRow) -> None:
    """ticket.cancelled by the desk: the requester, with the reason."""
    scene = await _scene(session, event)
    if scene is None:
        return
    ticket, quote = scene.ticket, _reason(event)
    letters = scene.letter(MailTemplate.CANCELLED, ticket.requester_id, quote=quote)
    await post(session, event.id, letters)


async def tell_of_service_level(session: AsyncSession, event: EventRow) -> None:
    """sla.warned, sla.breached, sla.escalated: who has it, who leads those who have it, and whom the step names."""
    scene = await _scene(session, event)
    one = await session.get(SlaClock, event.subject_id)
    if scene is None or one is None or one.state not in ONGOING:
        return
    told = await _told_of_service_level(session, scene.ticket, event)
    people = await load_recipients(session, told)
    what = event.type.partition(".")[2]
    letters: list[Letter] = []
    for user_id in told:
        person = people.get(user_id)
        if person is None or not works_on(person.principal, scene.ticket):
            continue
        due = moment_text(one.due_at, language_of(person.locale), person.time_zone) if one.due_at else None
        facts = {"actor": None, "what": what, "metric": one.metric.value, "due": due}
        letters.append(Letter(template=MailTemplate.SERVICE_LEVEL, to=person, facts=facts, ticket=scene.ticket))
    await post(session, event.id, letters)


async def _told_of_service_level(session: AsyncSession, ticket: Ticket, event: EventRow) -> list[UUID]:
    """In order, once each. Nobody who merely asked is told of the staff's clocks by mail."""
    found: list[UUID | None] = []
    leads = await team_lead_ids(session, ticket.team_id)
    if event.type == SlaEscalated.type:
        for action in await notified(session, event):
            if action.to is NotifyTarget.ASSIGNEE:
                found.append(ticket.assignee_id)
            elif action.to is NotifyTarget.TEAM_LEADS:
                found += leads
            elif action.to is NotifyTarget.TEAM:
                found += await member_ids(session, action.team_id)
            else:
                found.append(action.user_id)
    elif event.type == SlaBreached.type or ticket.assignee_id is None:
        found = [ticket.assignee_id, *leads]
    else:
        found = [ticket.assignee_id]
    return list(dict.fromkeys(user_id for user_id in found if user_id is not None))


async def send_password_link(session: AsyncSession, event: EventRow) -> None:
    """user.password_reset_requested, user.invited: the link's token is made when the mail goes out."""
    people = await load_recipients(session, {event.subject_id})
    person = people.get(event.subject_id)
    if person is None:
        return
    invited = event.type == "user.invited"
    letter = Letter(
        template=MailTemplate.INVITATION if invited else MailTemplate.PASSWORD_RESET,
        to=person,
        facts={},
        secret_reference=UUID(hex=event.internal_data["reset_id"]),
    )
    await post(session, event.id, [letter])


def _reason(event: EventRow) -> Quote | None:
    reason = event.data.get("reason")
    return Quote.plain(reason) if reason else None
