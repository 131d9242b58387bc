"""Facts about organizations; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class OrganizationEvent(DomainEvent):
    subject_type: ClassVar[str] = "organization"


class OrganizationCreated(OrganizationEvent):
    type = "organization.created"


class OrganizationUpdated(OrganizationEvent):
    type = "organization.updated"
