"""Every consequence of every event on one page, and everything else that the processes are put together from."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from helpdesk_api.domains.assignments import jobs as assignment_jobs
from helpdesk_api.domains.assignments import reactions as assignments
from helpdesk_api.domains.assignments import routes as assignment_routes
from helpdesk_api.domains.audit import routes as audit_routes
from helpdesk_api.domains.authentication import queries as identity
from helpdesk_api.domains.authentication import routes as authentication_routes
from helpdesk_api.domains.categories import routes as category_routes
from helpdesk_api.domains.comments import events as comments
from helpdesk_api.domains.comments import queries as comment_queries
from helpdesk_api.domains.comments import routes as comment_routes
from helpdesk_api.domains.notifications import routes as notification_routes
from helpdesk_api.domains.organizations import routes as organization_routes
from helpdesk_api.domains.teams import routes as team_routes
from helpdesk_api.domains.tickets import events as tickets
from helpdesk_api.domains.tickets import jobs as ticket_jobs
from helpdesk_api.domains.tickets import routes as ticket_routes
from helpdesk_api.domains.tickets.includes import Include
from helpdesk_api.domains.users import routes as user_routes
from helpdesk_api.jobs.runner import Handler
from helpdesk_api.jobs.schedule import Scheduled
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.outbox.record import Reactions

INCLUDES: Mapping[str, Include] = {"last_comment": Include("comments", comment_queries.last_comments)}
