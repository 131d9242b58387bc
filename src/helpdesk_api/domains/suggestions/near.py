"""What is near in meaning to a text that somebody types: articles, and their own tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, Uuid, cast, literal_column, null, select, union_all

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.embeddings.nearest import Near, in_order, parameters_of
from helpdesk_api.domains.knowledge import policy as reading
from helpdesk_api.domains.knowledge.meaning import hits_of, near_published
from helpdesk_api.domains.knowledge.ranking import Hit
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.similar import LEAST, OWN_COMPARED, Among, Asked, near_newest
from helpdesk_api.domains.tickets import policy

OWN: Final = Among(TicketScope.OWN)


@dataclass(slots=True)
class NearTyped:
    """The nearest first; nothing of what the caller may not read at all."""

    articles: Sequence[Hit] = ()
    tickets: Sequence[Near] = ()


async def near_typed(reads: ReadSession, principal: Principal, asked: Asked) -> NearTyped:
    """One statement, or none without a model."""
    meaning = await asked.meaning(reads)
    reader = reading.shape_of(principal) if principal.has(Permission.ARTICLES_READ) else None
    caller = policy.shape_of(principal) if principal.has(Permission.TICKETS_READ) else None
    if meaning is None or (reader is None and caller is None):
        return NearTyped()
    parameters = parameters_of(meaning, is_quick=True) | reading.reader_parameters(principal)
    rows = await reads.fetch(_near(reader, caller), parameters | OWN.parameters(principal))
    articles, tickets = ([row for row in rows if row["is_article"] is kind] for kind in (True, False))
    return NearTyped(hits_of(meaning, articles), in_order(meaning, tickets, least=LEAST))


@lru_cache(maxsize=32)
def _near(reader: reading.ReaderShape | None, caller: policy.CallerShape | None) -> CompiledStatement:
    parts: list[Any] = []
    if reader is not None:
        near = near_published(reader).subquery("near_articles").c
        kept = near.id, cast(near.language, Text).label("language"), near.group_id, near.vector, near.norm
        parts.append(select(literal_column("true").label("is_article"), *kept))
    if caller is not None:
        own = near_newest(caller, TicketScope.OWN, most=OWN_COMPARED).subquery("near_tickets").c
        nothing = cast(null(), Text).label("language"), cast(null(), Uuid).label("group_id")
        parts.append(select(literal_column("false").label("is_article"), own.id, *nothing, own.vector, own.norm))
    return CompiledStatement(union_all(*parts))
