"""Asks each kind under its own permissions, and fuses what they answer."""

import html
import json
from collections.abc import Collection
from typing import Any

from fastapi import Request
from sqlalchemy import func, or_, select

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge import search as articles
from helpdesk_api.domains.knowledge.queries import ArticleFilters
from helpdesk_api.domains.search.enums import SearchKind
from helpdesk_api.domains.search.rules import fuse
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.filters import TicketFilters
from helpdesk_api.domains.users import policy as users
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import page_request, whole_page

_RIGHTS = {
    SearchKind.TICKET: Permission.TICKETS_READ,
    SearchKind.ARTICLE: Permission.ARTICLES_READ,
    SearchKind.USER: Permission.USERS_READ,
}
_EXCERPT = 200
_ALIKE = 0.5


async def search(
    reads: ReadSession, principal: Principal, request: Request, text: str, kinds: Collection[SearchKind], limit: int
) -> dict[str, Any]:
    """Kinds that the caller has no right to are left out."""
    wanted = {kind for kind in kinds if principal.has(_RIGHTS[kind])}
    lists: list[list[dict[str, Any]]] = []
    suggestion = None
    if SearchKind.ARTICLE in wanted:
        found = await articles.find(reads, principal, text, ArticleFilters())
        suggestion = found.suggestion
        shown = await articles.show(reads, principal, found.hits[:limit], found.text)
        lists.append([_article(row) for row in shown])
    if SearchKind.TICKET in wanted:
        lists.append(await _tickets(reads, principal, request, text, limit))
    if SearchKind.USER in wanted:
        lists.append(await _users(reads, principal, text, limit))
    fused = [item | {"score": score} for score, item in fuse(lists)[:limit]]
    return whole_page(fused) | {"suggestion": suggestion}


def _article(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": SearchKind.ARTICLE,
        "id": public_id("art", row["id"]),
        "title": row["title"],
        "reference": None,
        "excerpt": row["highlight"],
    }


async def _tickets(
    reads: ReadSession, principal: Principal, request: Request, text: str, limit: int
) -> list[dict[str, Any]]:
    """Newest first, as their own list has them."""
    page = page_request(request, limit=limit, cursor=None, include_total=False)
    body, _, _ = await tickets.list_tickets(
        reads, principal, TicketFilters(q=text), page, sort=None, include=(), with_counts=False
    )
    return [
        {
            "type": SearchKind.TICKET,
            "id": row["id"],
            "title": row["subject"],
            "reference": row["reference"],
            "excerpt": html.escape(row["description"][:_EXCERPT]),
        }
        for row in json.loads(body)["data"]
    ]


async def _users(reads: ReadSession, principal: Principal, text: str, limit: int) -> list[dict[str, Any]]:
    """By name, slips of the pen included, or by the start of their address. Requesters find themselves alone."""
    wanted = text.strip().lower()
    name, address = func.lower(User.name), func.lower(User.email)
    alike = func.greatest(func.word_similarity(wanted, name), func.word_similarity(name, wanted))
    met = or_(alike >= _ALIKE, address.startswith(wanted, autoescape=True))
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
