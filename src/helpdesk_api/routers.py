"""Every route of the product, in the order in which a path is compared with them."""

from fastapi import APIRouter

from helpdesk_api.domains.alerts import alert_routes
from helpdesk_api.domains.alerts import intake_routes as alert_intake_routes
from helpdesk_api.domains.alerts import integration_routes as alert_integration_routes
from helpdesk_api.domains.alerts import vendor_routes as alert_vendor_routes
from helpdesk_api.domains.assignments import routes as assignment_routes
from helpdesk_api.domains.attachments import article_routes as article_file_routes
from helpdesk_api.domains.attachments import file_routes
from helpdesk_api.domains.attachments import routes as attachment_routes
from helpdesk_api.domains.audit import routes as audit_routes
from helpdesk_api.domains.authentication import credential_routes
from helpdesk_api.domains.authentication import routes as authentication_routes
from helpdesk_api.domains.bulk import job_routes as bulk_job_routes
from helpdesk_api.domains.bulk import routes as bulk_routes
from helpdesk_api.domains.canned_responses import routes as canned_response_routes
from helpdesk_api.domains.categories import routes as category_routes
from helpdesk_api.domains.checklists import routes as checklist_routes
from helpdesk_api.domains.classification import routes as classification_routes
from helpdesk_api.domains.comments import routes as comment_routes
from helpdesk_api.domains.drafts import routes as draft_routes
from helpdesk_api.domains.embeddings import routes as embedding_routes
from helpdesk_api.domains.forms import routes as form_routes
from helpdesk_api.domains.knowledge import category_routes as article_category_routes
from helpdesk_api.domains.knowledge import public_routes as public_article_routes
from helpdesk_api.domains.knowledge import reading_routes as article_reading_routes
from helpdesk_api.domains.knowledge import routes as article_routes
from helpdesk_api.domains.knowledge import version_routes as article_version_routes
from helpdesk_api.domains.knowledge_capture import routes as capture_routes
from helpdesk_api.domains.macros import routes as macro_routes
from helpdesk_api.domains.meta import routes as meta_routes
from helpdesk_api.domains.notifications import routes as notification_routes
from helpdesk_api.domains.operations import routes as operation_routes
from helpdesk_api.domains.organizations import routes as organization_routes
from helpdesk_api.domains.presence import routes as presence_routes
from helpdesk_api.domains.relations import routes as relation_routes
from helpdesk_api.domains.reminders import routes as reminder_routes
from helpdesk_api.domains.search import routes as everything_routes
from helpdesk_api.domains.sla import calendar_routes, clock_routes, policy_routes
from helpdesk_api.domains.stream import routes as stream_routes
from helpdesk_api.domains.suggestions import routes as suggestion_routes
from helpdesk_api.domains.tags import routes as tag_routes
from helpdesk_api.domains.teams import routes as team_routes
from helpdesk_api.domains.ticket_templates import routes as ticket_template_routes
from helpdesk_api.domains.tickets import people_routes, search_routes
from helpdesk_api.domains.tickets import routes as ticket_routes
from helpdesk_api.domains.time_entries import routes as time_entry_routes
from helpdesk_api.domains.users import routes as user_routes
from helpdesk_api.domains.views import routes as view_routes
from helpdesk_api.domains.webhooks import delivery_routes as webhook_delivery_routes
from helpdesk_api.domains.webhooks import routes as webhook_routes
from helpdesk_api.web import docs, health, problem_pages

ROUTERS: tuple[APIRouter, ...] = (
    # What is called most comes first: a path is compared with one route after another.
    *ticket_routes.ROUTERS,
    search_routes.router,
    bulk_routes.router,
    bulk_job_routes.router,
    *comment_routes.ROUTERS,
    *attachment_routes.ROUTERS,
    *file_routes.ROUTERS,
    *article_file_routes.ROUTERS,
    *assignment_routes.ROUTERS,
    *classification_routes.ROUTERS,
    *people_routes.ROUTERS,
    *relation_routes.ROUTERS,
    presence_routes.router,
    draft_routes.router,
    *reminder_routes.ROUTERS,
    canned_response_routes.router,
    *macro_routes.ROUTERS,
    ticket_template_routes.router,
    checklist_routes.router,
    *time_entry_routes.ROUTERS,
    *tag_routes.ROUTERS,
    *authentication_routes.ROUTERS,
    *credential_routes.ROUTERS,
    *category_routes.ROUTERS,
    form_routes.router,
    *user_routes.ROUTERS,
    *team_routes.ROUTERS,
    *organization_routes.ROUTERS,
    *clock_routes.ROUTERS,
    calendar_routes.router,
    policy_routes.router,
    view_routes.router,
    *alert_routes.ROUTERS,
    alert_intake_routes.router,
    alert_vendor_routes.router,
    alert_integration_routes.router,
    article_routes.router,
    article_version_routes.router,
    article_reading_routes.router,
    article_category_routes.router,
    public_article_routes.router,
    *capture_routes.ROUTERS,
    *suggestion_routes.ROUTERS,
    embedding_routes.router,
    everything_routes.router,
    *audit_routes.ROUTERS,
    stream_routes.router,
    *notification_routes.ROUTERS,
    webhook_routes.router,
    webhook_delivery_routes.router,
    *operation_routes.ROUTERS,
    meta_routes.router,
    *health.ROUTERS,
    docs.router,
    problem_pages.router,
)
