"""Asks each kind under its own permissions, and fuses what they answer."""

import html
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import func, literal, or_, select

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.prefixes import begins_with
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.embeddings import rules as embeddings
from helpdesk_api.domains.embeddings.engine import Meaning
from helpdesk_api.domains.embeddings.enums import SearchEngine
from helpdesk_api.domains.knowledge import search as articles
from helpdesk_api.domains.knowledge import tally
from helpdesk_api.domains.knowledge.queries import ArticleFilters
from helpdesk_api.domains.search.enums import SearchKind
from helpdesk_api.domains.search.rules import fuse
from helpdesk_api.domains.search.schemas import MAX_EXCERPT
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.similar import Among, alike_by_meaning
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.filters import TicketFilters
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import readable as readable_tickets
from helpdesk_api.domains.users import policy as users
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import page_request, whole_page

_RIGHTS = {
    SearchKind.TICKET: Permission.TICKETS_READ,
    SearchKind.ARTICLE: Permission.ARTICLES_READ,
    SearchKind.USER: Permission.USERS_READ,
}
_EXCERPT, _MARKED_PARTS = 200, 2
_ALIKE = 0.5
# A few words mean little by themselves: further away than this is another subject.
_NEAR = 0.4


async def search(
    reads: ReadSession, principal: Principal, request: Request, text: str, kinds: Collection[SearchKind], limit: int
) -> dict[str, Any]:
    """Kinds that the caller has no right to are left out."""
    wanted = {kind for kind in kinds if principal.has(_RIGHTS[kind])}
    lists: list[list[dict[str, Any]]] = []
    suggestion, no_article, is_met = None, False, False
    instead: dict[str, str] = {}
    meaning = await articles.meaning_of_question(reads, text)
    if SearchKind.ARTICLE in wanted:
        found = await articles.find(reads, principal, text, ArticleFilters(), is_understood=True, meaning=meaning)
        suggestion, no_article, is_met = found.suggestion, not found.hits, found.is_met
        shown = await articles.show(reads, principal, found.hits[:limit], found.text)
        lists.append([_article(row) for row in shown])
    if SearchKind.TICKET in wanted:
        found_tickets, instead = await _tickets(reads, principal, request, text, meaning, limit)
        lists.append(found_tickets)
    if SearchKind.USER in wanted:
        people = await _users(reads, principal, text, limit)
        lists.append(people)
        is_met = is_met or bool(people)
    # What an article or a name has by the letter is no slip.
    if suggestion is None and not is_met:
        suggestion = articles.replaced(text, instead)
    # Who found a ticket or a person got what they looked for.
    if no_article and not any(lists):
        await tally.count_miss(reads, text)
    fused = [item | {"score": score} for score, item in fuse(lists)[:limit]]
    engines = [SearchEngine.FULL_TEXT] if meaning is None else list(SearchEngine)
    return whole_page(fused) | {"suggestion": suggestion, "engines": engines}


def _article(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": SearchKind.ARTICLE,
        "id": public_id("art", row["id"]),
        "title": row["title"],
        "reference": None,
        "excerpt": row["highlight"],
    }


async def _tickets(
    reads: ReadSession, principal: Principal, request: Request, text: str, meaning: Meaning | None, limit: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Newest first, as their own list has them, and fused with what means the same; and where none has the words, by
    each that finds nothing the one that would and is spelt much like it."""
    page = page_request(request, limit=limit, cursor=None, include_total=False)
    body, _, _ = await tickets.list_tickets(
        reads, principal, TicketFilters(q=text), page, sort=None, include=(), with_counts=False, with_highlights=True
    )
    found_by_words = json.loads(body)
    highlights = found_by_words["highlights"] or {}
    instead = {one["word"]: one["suggestions"][0] for one in found_by_words["did_you_mean"] or () if one["suggestions"]}
    by_words = [
        {
            "type": SearchKind.TICKET,
            "id": row["id"],
            "title": row["subject"],
            "reference": row["reference"],
            "excerpt": _marked(highlights.get(row["id"], {})) or html.escape(row["description"][:_EXCERPT]),
        }
        for row in found_by_words["data"]
    ]
    near = await alike_by_meaning(reads, principal, meaning, Among(TicketScope.ANY), least=_NEAR)
    if not near:
        return by_words, instead
    by_meaning = await _tickets_of(reads, principal, [one.id for one in near[:limit]])
    found = {row["id"]: row for row in (*by_meaning, *by_words)}
    words, meanings = ([(row["id"], weight) for row in rows] for rows, weight in ((by_words, 1.0), (by_meaning, 0.6)))
    return [found[id_] for id_, _ in embeddings.fuse([words, meanings])][:limit], instead


def _marked(highlights: Mapping[str, Any]) -> str:
    """What of a ticket has the words, but for its subject, which is shown anyway; a device that is named first."""
    parts = [highlights.get(name) for name in ("affected_service", "description", "steps_tried")]
    parts += [comment["excerpt"] for comment in highlights.get("comments", ())]
    shown = ""
    for part in [part for part in parts if part][:_MARKED_PARTS]:
        longer = f"{shown} · {part}" if shown else part
        shown = longer if len(longer) <= MAX_EXCERPT else shown
    return shown


async def _tickets_of(reads: ReadSession, principal: Principal, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """In the order of the ids."""
    columns = (Ticket.id, Ticket.subject, Ticket.reference, func.left(Ticket.description, _EXCERPT).label("excerpt"))
    statement = select(*columns).where(Ticket.id.in_(ids), readable_tickets(principal))
    rows = {row["id"]: row for row in await reads.fetch(statement)}
    return [
        {
            "type": SearchKind.TICKET,
            "id": public_id("tkt", id_),
            "title": rows[id_]["subject"],
            "reference": rows[id_]["reference"],
            "excerpt": html.escape(rows[id_]["excerpt"]),
        }
        for id_ in ids
        if id_ in rows
    ]


async def _users(reads: ReadSession, principal: Principal, text: str, limit: int) -> list[dict[str, Any]]:
    """By name, slips of the pen included, or by the start of their address. Requesters find themselves alone."""
    wanted, name = func.lower(literal(text.strip())), func.lower(User.name)
    alike = func.greatest(func.word_similarity(wanted, name), func.word_similarity(name, wanted))
    met = or_(alike >= _ALIKE, begins_with(User.email, text))
    statement = (
        select(User.id, User.name, User.email, User.department)
        .where(users.readable(principal), User.deactivated_at.is_(None), met)
        .order_by(alike.desc(), User.name, User.id)
        .limit(limit)
    )
    return [
        {
            "type": SearchKind.USER,
            "id": public_id("usr", row["id"]),
            "title": row["name"],
            "reference": None,
            "excerpt": html.escape(" · ".join(part for part in (row["email"], row["department"]) if part)) or None,
        }
        for row in await reads.fetch(statement)
    ]
