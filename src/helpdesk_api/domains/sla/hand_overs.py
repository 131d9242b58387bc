"""OLAs whose escalations would hand a ticket round in a circle of teams."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.domains.sla.enums import PolicyKind, VersionState
from helpdesk_api.domains.sla.errors import EscalationLoop
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_rules import way_back


@dataclass(frozen=True, slots=True)
class _Published:
    team_id: UUID
    effective_from: datetime
    hands_to: frozenset[UUID]


async def check_hand_overs(
    session: AsyncSession, policy: SlaPolicy, version: SlaPolicyVersion, effective_from: datetime
) -> None:
    """Against what is in force together with it, then and at each later change. Raises `escalation_loop`."""
    if policy.team_id is None:
        return
    others = await _published(session, policy)
    changes = {one.effective_from for versions in others.values() for one in versions}
    for instant in sorted({effective_from, *(at for at in changes if at > effective_from)}):
        hand_overs = _in_force(others, instant)
        for pointer, team_id in _hand_overs(version.definition):
            circle = way_back(hand_overs, team_id, policy.team_id)
            if circle is not None:
                teams = [public_id("tea", one) for one in circle]
                raise EscalationLoop(pointer=pointer, params={"team_ids": teams})


async def _published(session: AsyncSession, policy: SlaPolicy) -> Mapping[UUID, list[_Published]]:
    """Of the other OLAs in use, each with its versions in the order of their instants."""
    statement = (
        select(SlaPolicy.id, SlaPolicy.team_id, SlaPolicyVersion.effective_from, SlaPolicyVersion.definition)
        .join(SlaPolicyVersion, SlaPolicyVersion.policy_id == SlaPolicy.id)
        .where(
            SlaPolicy.kind == PolicyKind.OLA,
            SlaPolicy.archived_at.is_(None),
            SlaPolicy.id != policy.id,
            SlaPolicyVersion.state == VersionState.PUBLISHED,
        )
        .order_by(SlaPolicyVersion.effective_from, SlaPolicyVersion.number)
    )
    found: dict[UUID, list[_Published]] = {}
    for policy_id, team_id, at, definition in await session.execute(statement):
        hands_to = frozenset(to for _, to in _hand_overs(definition))
        found.setdefault(policy_id, []).append(_Published(team_id, at, hands_to))
    return found


def _in_force(policies: Mapping[UUID, list[_Published]], at: datetime) -> dict[UUID, set[UUID]]:
    """To whom each team hands over at this instant: of each policy its last version by then."""
    found: dict[UUID, set[UUID]] = {}
    for versions in policies.values():
        begun = [one for one in versions if one.effective_from <= at]
        if begun:
            found.setdefault(begun[-1].team_id, set()).update(begun[-1].hands_to)
    return found


def _hand_overs(definition: Mapping[str, Any]) -> Iterator[tuple[str, UUID]]:
    """Where the definition says it, and to which team."""
    for place, step in enumerate(definition["escalations"]):
        for n, action in enumerate(step["actions"]):
            if action["type"] == "assign" and action.get("team_id") is not None:
                yield f"#/escalations/{place}/actions/{n}/team_id", parse_id("tea", action["team_id"])
