"""Facts about organizations; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class OrganizationEvent(DomainEvent):
    subject_type: ClassVar[str] = "organization"


class OrganizationCreated(OrganizationEvent):
    """A grouping of people was made."""

    type = "organization.created"


class OrganizationUpdated(OrganizationEvent):
    """Its name or other fields changed."""

    type = "organization.updated"
