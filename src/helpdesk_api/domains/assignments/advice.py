"""What a domain above thinks of a new ticket: asked before routing, it decides what nobody and no rule has decided."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.assignments.enums import DecisionStep
from helpdesk_api.domains.categories.enums import Priority, TicketType

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opinion:
    """A value that is sure enough to be decided on, and why in one sentence."""

    value: UUID | Priority | TicketType
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Opinions by step; `kept` goes into the internal data of the event, `facts` into the ticket."""

    opinions: Mapping[DecisionStep, Opinion] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


NO_ADVICE = Advice()
Adviser = Callable[[AsyncSession, Any], Awaitable[Advice]]
_advisers: list[Adviser] = []


def register_adviser(adviser: Adviser) -> None:
    """Called once by the process with `wiring.ADVISER`."""
    _advisers[:] = [adviser]


async def advice_on(session: AsyncSession, ticket: Any) -> Advice:
    """Never an error: a ticket is opened whether or not anybody has an opinion of it."""
    for adviser in _advisers:
        try:
            return await adviser(session, ticket)
        except Exception:
            logger.exception("no_advice")
    return NO_ADVICE
