"""Changing SLA policies: drafts are edited, versions are published and kept."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import check
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla import errors, events
from helpdesk_api.domains.sla import policy_queries as queries
from helpdesk_api.domains.sla.calendar_models import Calendar
from helpdesk_api.domains.sla.enums import PolicyKind, VersionState
from helpdesk_api.domains.sla.following import follow_jobs
from helpdesk_api.domains.sla.hand_overs import check_hand_overs
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_schemas import (
    MAX_POLICIES,
    AddWatcherAction,
    AssignAction,
    CallWebhookAction,
    NotifyAction,
    NotifyTarget,
    SlaDefinition,
    SlaPolicyCreate,
    SlaPolicyPublish,
    SlaPolicyUpdate,
)
from helpdesk_api.domains.teams.queries import require_known_and_takes_tickets, require_takes_tickets_within
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.jobs.queue import enqueue_many
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.preconditions import UNCONDITIONAL, IfMatch, etag_of_order
from helpdesk_api.web.schemas import instant_text
from helpdesk_api.web.webhook_addresses import check_address

_ORDER_LOCK = 4_207_003
_HEAD_FIELDS = {"name", "kind", "team_id"}
_NAMING = NotifyAction | AssignAction | AddWatcherAction
# The kind of an escalation's action, and the team or person that it names.
_Named = tuple[str, UUID | None]


async def create_policy(
    session: AsyncSession, database: Database, principal: Principal, body: SlaPolicyCreate
) -> tuple[SlaPolicy, SlaPolicyVersion]:
    """Last in the order, with a draft that binds nobody. Raises `ola_team_required`, `sla_policy_name_taken`,
    `too_many_sla_policies`, and what a definition can have wrong: `unknown_reference`, `invalid_conditions`,
    `target_repeated`, `pause_repeated`, `calendar_archived`, `webhook_url_refused`."""
    if (body.kind is PolicyKind.OLA) != (body.team_id is not None):
        raise errors.OlaTeamRequired(pointer="#/team_id")
    await require_takes_tickets_within(session, body.team_id)
    given = body.model_dump(exclude=_HEAD_FIELDS, by_alias=True)
    if body.kind is PolicyKind.UNDERPINNING_CONTRACT and "pauses" not in body.model_fields_set:
        # It runs while the ticket waits for the vendor, which is what pauses the others.
        given["pauses"] = []
    definition = SlaDefinition.model_validate(given)
    await _check(session, database, definition)
    await lock_order(session)
    in_use = func.count().filter(SlaPolicy.archived_at.is_(None))
    count, last = (await session.execute(select(in_use, func.coalesce(func.max(SlaPolicy.position), -1)))).one()
    if count >= MAX_POLICIES:
        raise errors.TooManyPolicies
    now = clock.now()
    policy = SlaPolicy(
        id=new_id(),
        name=body.name,
        kind=body.kind,
        team_id=body.team_id,
        position=last + 1,
        version=1,
        withdrawn_number=0,
        created_at=now,
        updated_at=now,
    )
    session.add(policy)
    await _flush_checked(session)
    draft = _draft(principal, policy, 1, definition)
    session.add(draft)
    await _record(session, principal, policy, events.SlaPolicyCreated, {"name": (None, body.name)})
    await session.flush()
    return policy, draft


def _draft(principal: Principal, policy: SlaPolicy, number: int, definition: SlaDefinition) -> SlaPolicyVersion:
    now = clock.now()
    return SlaPolicyVersion(
        policy_id=policy.id,
        number=number,
        state=VersionState.DRAFT,
        calendar_id=definition.calendar_id,
        definition=stored(definition),
        created_by_id=principal.user_id,
        created_at=now,
        updated_at=now,
    )


def stored(definition: SlaDefinition) -> dict[str, Any]:
    """As it is kept: the body's own JSON."""
    return definition.model_dump(mode="json", by_alias=True)


async def update_policy(
    session: AsyncSession, database: Database, principal: Principal, policy: SlaPolicy, body: SlaPolicyUpdate
) -> None:
    """Merge patch of name and draft; `{}` changes nothing. Raises `sla_policy_archived` and what creating does."""
    if policy.archived_at is not None:
        raise errors.SlaPolicyArchived
    given = body.model_fields_set
    changes: dict[str, tuple[Any, Any]] = {}
    if "name" in given and body.name != policy.name:
        changes["name"] = (policy.name, body.name)
        policy.name = body.name
    if given - {"name"}:
        patch = body.model_dump(mode="json", exclude_unset=True, exclude={"name"}, by_alias=True)
        number = await _update_draft(session, database, principal, policy, patch)
        if number is not None:
            changes["draft"] = (None, number)
    if not changes:
        return
    policy.version += 1
    policy.updated_at = clock.now()
    await _flush_checked(session)
    await _record(session, principal, policy, events.SlaPolicyUpdated, changes)


async def _update_draft(
    session: AsyncSession, database: Database, principal: Principal, policy: SlaPolicy, patch: Mapping[str, Any]
) -> int | None:
    """The number of the draft that it changed or made; None when nothing differs."""
    versions = await queries.versions_of(session, policy.id)
    held = versions[-1]
    drafts = [version for version in versions if version.state is VersionState.DRAFT]
    before = (drafts[-1] if drafts else held).definition
    definition = SlaDefinition.model_validate({**before, **patch})
    await _check(session, database, definition, kept=_named(SlaDefinition.model_validate(before)))
    if not drafts:
        number = max(held.number, policy.withdrawn_number) + 1
        session.add(_draft(principal, policy, number, definition))
        return number
    draft = drafts[-1]
    if draft.definition == stored(definition):
        return None
    draft.definition, draft.calendar_id, draft.updated_at = stored(definition), definition.calendar_id, clock.now()
    return draft.number


async def publish(
    session: AsyncSession, principal: Principal, policy: SlaPolicy, body: SlaPolicyPublish
) -> SlaPolicyVersion:
    """The draft is in force from an instant on; `lock_order` comes first. Raises `no_draft`, `effective_date_in_past`,
    `escalation_loop`, `version_already_scheduled`, `calendar_archived` and `sla_policy_archived`."""
    if policy.archived_at is not None:
        raise errors.SlaPolicyArchived
    versions = await queries.versions_of(session, policy.id)
    drafts = [version for version in versions if version.state is VersionState.DRAFT]
    if not drafts:
        raise errors.NoDraft
    draft = drafts[0]
    await _check_calendar(session, draft.calendar_id)
    # After the last lock that it may wait for: others do not know of it before it is committed.
    now = clock.now()
    if body.effective_from is not None and body.effective_from < now:
        raise errors.EffectiveDateInPast(pointer="#/effective_from")
    if any(version.effective_from is not None and version.effective_from > now for version in versions):
        raise errors.VersionAlreadyScheduled
    effective_from = body.effective_from or now
    await check_hand_overs(session, policy, draft, effective_from)
    draft.state, draft.published_at, draft.published_by_id = VersionState.PUBLISHED, now, principal.user_id
    draft.effective_from, draft.updated_at = effective_from, now
    policy.version += 1
    policy.updated_at = now
    await _record_version(session, principal, policy, events.SlaPolicyPublished, draft)
    await enqueue_many(session, follow_jobs(draft.effective_from))
    await session.flush()
    return draft


async def withdraw_version(
    session: AsyncSession, principal: Principal, policy: SlaPolicy, version: SlaPolicyVersion
) -> None:
    """A draft, or a published version before its instant; `lock_order` comes first. Raises
    `sla_policy_version_in_force`, and `escalation_loop` where what then stays in force would be part of one."""
    if version.effective_from is not None and version.effective_from <= clock.now():
        raise errors.SlaPolicyVersionInForce
    versions = await queries.versions_of(session, policy.id)
    if len(versions) == 1:
        message = "The only version goes with its policy. Archive that."
        raise errors.SlaPolicyVersionInForce(message)
    before = [one for one in versions if one.number < version.number]
    if before and version.effective_from is not None and policy.archived_at is None:
        await check_hand_overs(session, policy, before[-1], version.effective_from)
    await session.delete(version)
    policy.withdrawn_number = max(policy.withdrawn_number, version.number)
    policy.version += 1
    policy.updated_at = clock.now()
    await _record_version(session, principal, policy, events.SlaPolicyVersionWithdrawn, version)


async def archive_policy(session: AsyncSession, principal: Principal, policy: SlaPolicy) -> None:
    """It promises nothing more from now on; twice is once."""
    if policy.archived_at is not None:
        return
    policy.archived_at = policy.updated_at = clock.now()
    policy.version += 1
    changes = {"archived_at": (None, instant_text(policy.archived_at))}
    await _record(session, principal, policy, events.SlaPolicyArchived, changes)
    await enqueue_many(session, follow_jobs(policy.archived_at))


async def order_policies(
    session: AsyncSession, principal: Principal, policy_ids: list[UUID], if_match: IfMatch = UNCONDITIONAL
) -> None:
    """Raises `sla_policy_order_incomplete` unless every policy in use is named exactly once."""
    await lock_order(session)
    in_use = select(SlaPolicy).where(SlaPolicy.archived_at.is_(None)).order_by(SlaPolicy.position, SlaPolicy.id)
    by_id = {policy.id: policy for policy in (await session.execute(in_use)).scalars()}
    if_match.check(etag_of_order(by_id))
    if len(policy_ids) != len(by_id) or set(policy_ids) != by_id.keys():
        raise errors.SlaPolicyOrderIncomplete(pointer="#/policy_ids")
    moved = {policy_id: place for place, policy_id in enumerate(policy_ids) if by_id[policy_id].position != place}
    if not moved:
        return
    await session.execute(
        update(SlaPolicy)
        .where(SlaPolicy.id.in_(moved))
        .values(position=case(moved, value=SlaPolicy.id), version=SlaPolicy.version + 1, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    for policy_id, place in moved.items():
        changes = {"position": (by_id[policy_id].position, place)}
        await _record(session, principal, by_id[policy_id], events.SlaPolicyUpdated, changes)
    await enqueue_many(session, follow_jobs(clock.now()))


def _named(definition: SlaDefinition) -> set[_Named]:
    actions = [action for step in definition.escalations for action in step.actions]
    teams = {(one.type, one.team_id) for one in actions if isinstance(one, NotifyAction | AssignAction)}
    people = {(one.type, one.user_id) for one in actions if isinstance(one, _NAMING)}
    return teams | people


async def _check(
    session: AsyncSession, database: Database, definition: SlaDefinition, *, kept: Collection[_Named] = ()
) -> None:
    if definition.conditions is not None:
        check(definition.conditions, TICKET)
    seen = set()
    for place, target in enumerate(definition.targets):
        key = (target.metric, target.priority, target.type)
        if key in seen:
            raise errors.TargetRepeated(pointer=f"#/targets/{place}")
        seen.add(key)
    paused = [pause.metric for pause in definition.pauses]
    for place, metric in enumerate(paused):
        if metric in paused[:place]:
            raise errors.PauseRepeated(pointer=f"#/pauses/{place}")
    await _check_calendar(session, definition.calendar_id)
    for place, step in enumerate(definition.escalations):
        for n, action in enumerate(step.actions):
            pointer = f"#/escalations/{place}/actions/{n}"
            if isinstance(action, _NAMING):
                await _check_people(session, database, action, pointer, kept=kept)
            elif isinstance(action, CallWebhookAction):
                check_address(str(action.url), f"{pointer}/url")


async def _check_calendar(session: AsyncSession, calendar_id: UUID) -> None:
    # Shared: it cannot be archived while a policy takes it up.
    calendar = await session.get(Calendar, calendar_id, with_for_update={"read": True})
    if calendar is None:
        raise UnknownReference(pointer="#/calendar_id")
    if calendar.archived_at is not None:
        raise errors.CalendarArchived(pointer="#/calendar_id")


async def _check_people(
    session: AsyncSession,
    database: Database,
    action: NotifyAction | AssignAction | AddWatcherAction,
    pointer: str,
    *,
    kept: Collection[_Named],
) -> None:
    """Whom it names must be there, and be named where the action needs somebody. An archived team and who has left
    stay where they were named, and are not named anew."""
    team_id = action.team_id if isinstance(action, NotifyAction | AssignAction) else None
    if action.user_id is not None and (action.type, action.user_id) not in kept:
        grants = await GRANTS.get(database, action.user_id.hex)
        if grants is None or not grants.is_active:
            raise UnknownReference(pointer=f"{pointer}/user_id")
        if isinstance(action, AssignAction) and grants.role not in STAFF_ROLES:
            message = "Tickets are assigned to the staff."
            raise UnknownReference(message, pointer=f"{pointer}/user_id")
    if team_id is not None and (action.type, team_id) not in kept:
        await require_known_and_takes_tickets(session, team_id, f"{pointer}/team_id")
    if isinstance(action, AssignAction) and team_id is None and action.user_id is None:
        message = "Name a person or a team."
        raise UnknownReference(message, pointer=f"{pointer}/team_id")
    if isinstance(action, NotifyAction):
        if action.to is NotifyTarget.USER and action.user_id is None:
            message = "Name the person."
            raise UnknownReference(message, pointer=f"{pointer}/user_id")
        if action.to is NotifyTarget.TEAM and team_id is None:
            message = "Name the team."
            raise UnknownReference(message, pointer=f"{pointer}/team_id")


async def lock_order(session: AsyncSession) -> None:
    """One at a time, for what looks at all policies together; before the row of any, so that nobody waits in a
    circle."""
    await session.execute(select(func.pg_advisory_xact_lock(_ORDER_LOCK)))


async def _record_version(
    session: AsyncSession,
    principal: Principal,
    policy: SlaPolicy,
    kind: type[events.SlaPolicyEvent],
    version: SlaPolicyVersion,
) -> None:
    instant = instant_text(version.effective_from) if version.effective_from is not None else None
    await _record(session, principal, policy, kind, {}, {"number": version.number, "effective_from": instant})


async def _record(
    session: AsyncSession,
    principal: Principal,
    policy: SlaPolicy,
    kind: type[events.SlaPolicyEvent],
    changes: Mapping[str, tuple[Any, Any]],
    data: Mapping[str, Any] | None = None,
) -> None:
    await invalidate(session, queries.POLICIES)
    event = kind(
        subject_id=policy.id,
        visibility=Visibility.INTERNAL,
        internal_changes=dict(changes),
        internal_data={"name": policy.name, **(data or {})},
        entity=policy,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == "uq_sla_policies_name":
            raise errors.SlaPolicyNameTaken(pointer="#/name") from error
        if constraint == "fk_sla_policies_team_id":
            raise UnknownReference(pointer="#/team_id") from error
        raise
