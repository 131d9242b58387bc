"""What changes organizations."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.organizations import events
from helpdesk_api.domains.organizations.errors import OrganizationExternalIdTaken
from helpdesk_api.domains.organizations.models import Organization
from helpdesk_api.domains.organizations.schemas import OrganizationCreate, OrganizationUpdate
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import ExternalPairIncomplete


async def create_organization(session: AsyncSession, principal: Principal, body: OrganizationCreate) -> Organization:
    """Raises `organization_external_id_taken` and `external_pair_incomplete`."""
    now = clock.now()
    organization = Organization(id=new_id(), created_at=now, updated_at=now, version=1, **body.model_dump())
    session.add(organization)
    await _flush(session, organization)
    await _record(session, principal, organization, events.OrganizationCreated, {"name": (None, organization.name)})
    return organization


async def update_organization(
    session: AsyncSession, principal: Principal, organization: Organization, body: OrganizationUpdate
) -> None:
    """Merge patch. Raises what `create_organization` does."""
    values: Mapping[str, Any] = body.model_dump(exclude_unset=True)
    changes = {
        name: (getattr(organization, name), value)
        for name, value in values.items()
        if getattr(organization, name) != value
    }
    if not changes:
        return
    for name, value in values.items():
        setattr(organization, name, value)
    organization.version += 1
    organization.updated_at = clock.now()
    await _flush(session, organization)
    await _record(session, principal, organization, events.OrganizationUpdated, changes)


async def _flush(session: AsyncSession, organization: Organization) -> None:
    if (organization.external_id is None) != (organization.external_source is None):
        raise ExternalPairIncomplete(pointer="#/external_id")
    try:
        await session.flush()
    except IntegrityError as error:
        name = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if name == "uq_organizations_external_source_external_id":
            raise OrganizationExternalIdTaken(pointer="#/external_id") from error
        raise


async def _record(
    session: AsyncSession,
    principal: Principal,
    organization: Organization,
    kind: type[events.OrganizationEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=organization.id,
        visibility=Visibility.INTERNAL,
        changes=changes,
        data={"organization_id": public_id("org", organization.id)},
        entity=organization,
    )
    await record(session, principal, event)
