"""Puts suggestions together: each list is read under the caller's own permissions, fused, and shown with evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, func, literal_column, select

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.knowledge.ranking import Hit
from helpdesk_api.domains.suggestions import articles
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.near import OWN, near_typed
from helpdesk_api.domains.suggestions.recent import find_recent
from helpdesk_api.domains.suggestions.similar import (
    Alike,
    AlikeByWords,
    Among,
    Asked,
    alike,
    alike_by_words,
    find_tickets,
    understand,
)
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.seen import get_worked_row

SHOWN: Final = 5
MAX_WORDS_SHOWN: Final = 10
_RESOLUTION: Final[Any] = literal_column("2000")


@dataclass(slots=True)
class FoundByWords:
    """What has the words of one text; nothing of what the caller may not read at all."""

    articles: Sequence[Hit] = ()
    tickets: Sequence[AlikeByWords] = ()


@dataclass(slots=True)
class Suggested:
    """What was found for one text, the best first; `near` are the articles that are like it in meaning."""

    text: str
    articles: Sequence[Hit]
    near: Sequence[Hit]
    tickets: list[dict[str, Any]]


_TEXT: Final = CompiledStatement(
    select(
        Ticket.subject, func.left(Ticket.description, literal_column("4000")).label("description"), Ticket.created_at
    )
    # Of a ticket that the caller was shown.
    .where(Ticket.id == bindparam("id", type_=Ticket.id.type))
)


@lru_cache(maxsize=16)
def _shown(shape: policy.CallerShape) -> CompiledStatement:
    columns = (Ticket.reference, Ticket.subject, Ticket.status, Ticket.created_at, Ticket.resolved_at)
    return CompiledStatement(
        select(
            Ticket.id.label("ticket_id"),
            *columns,
            Ticket.resolution_code,
            func.left(Ticket.resolution_text, _RESOLUTION).label("resolution_text"),
            Ticket.requester_id,
        ).where(policy.any_of(Ticket.id, bindparam("ids", type_=policy.IDS)), policy.readable(shape))
    )


async def show_tickets(reads: ReadSession, principal: Principal, found: Sequence[Alike]) -> list[dict[str, Any]]:
    """In their order, with score and evidence. One statement, or none."""
    if not found:
        return []
    parameters = {**policy.caller_parameters(principal), "ids": [one.id for one in found]}
    rows = {row["ticket_id"]: row for row in await reads.fetch(_shown(policy.shape_of(principal)), parameters)}
    return [
        dict(rows[one.id]) | {"score": one.score, "evidence": _evidence(one.words, one.word_share, one.similarity)}
        for one in found
        if one.id in rows
    ]


def _evidence(words: Sequence[str], word_share: float | None, similarity: float | None) -> dict[str, Any]:
    return {
        "words": list(words)[:MAX_WORDS_SHOWN],
        "word_share": None if word_share is None else round(word_share, 3),
        "similarity": None if similarity is None else round(similarity, 3),
    }


def with_evidence(
    shown: Sequence[tuple[dict[str, Any], list[str]]], hits: Sequence[Hit], near: Sequence[Hit]
) -> list[dict[str, Any]]:
    """Articles as they are answered."""
    scores, similarities = ({hit.id: hit.score for hit in some} for some in (hits, near))
    return [
        row
        | {
            "score": scores[row["article_id"]],
            "evidence": _evidence(words, None, similarities.get(row["article_id"])),
        }
        for row, words in shown
    ]


async def suggest_articles(reads: ReadSession, principal: Principal, asked: Asked) -> list[dict[str, Any]]:
    """None without the right to read articles."""
    if not principal.has(Permission.ARTICLES_READ):
        return []
    by_words = await articles.articles_by_words(reads, principal, asked)
    near = await articles.near_articles(reads, principal, asked)
    hits = articles.with_meaning(by_words, near)[:SHOWN]
    return with_evidence(await articles.show_articles(reads, principal, hits, asked.text), hits, near)


async def look_for_words(reads: ReadSession, principal: Principal, asked: Asked) -> FoundByWords:
    """For who is typing; a model may read meanwhile."""
    found = FoundByWords()
    if principal.has(Permission.ARTICLES_READ):
        found.articles = await articles.articles_by_words(reads, principal, asked)
    if principal.has(Permission.TICKETS_READ):
        found.tickets = await alike_by_words(reads, principal, asked.worth, OWN)
    return found


async def suggest(reads: ReadSession, principal: Principal, asked: Asked, by_words: FoundByWords) -> Suggested:
    """For who is typing: articles, not shown yet, and their own tickets."""
    near = await near_typed(reads, principal, asked)
    tickets = await show_tickets(reads, principal, alike(by_words.tickets, near.tickets)[:SHOWN])
    return Suggested(
        asked.text, articles.with_meaning(by_words.articles, near.articles)[:SHOWN], near.articles, tickets
    )


async def suggest_for_ticket(reads: ReadSession, principal: Principal, key: str) -> dict[str, Any]:
    """For those who work on it. Raises `ticket_not_found` and `action_forbidden`."""
    ticket = await get_worked_row(reads, principal, key)
    text = await reads.fetch_one(_TEXT, {"id": ticket["id"]})
    asked = await understand(reads, f"{text['subject']}\n{text['description']}")
    similar = await find_tickets(reads, principal, asked, Among(TicketScope.RESOLVED, ticket["id"]))
    recent = await find_recent(reads, principal, asked, ticket["id"], text["created_at"])
    return {
        "ticket_id": ticket["id"],
        **await asked.searched_by(reads),
        "similar": await show_tickets(reads, principal, similar[:SHOWN]),
        "articles": await suggest_articles(reads, principal, asked),
        "duplicates": await show_tickets(reads, principal, recent.duplicates[:SHOWN]),
        "incident": recent.incident,
    }
