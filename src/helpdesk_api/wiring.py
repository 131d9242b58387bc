"""Every consequence of every event on one page, and everything else that the processes are put together from."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import BaseModel

from helpdesk_api.config import Settings
from helpdesk_api.domains.alerts import events as alerts
from helpdesk_api.domains.alerts import reactions as alert_reactions
from helpdesk_api.domains.assignments import events as assignments
from helpdesk_api.domains.assignments import jobs as assignment_jobs
from helpdesk_api.domains.assignments import reactions as routing
from helpdesk_api.domains.assignments.advice import Adviser
from helpdesk_api.domains.attachments import actions as attaching
from helpdesk_api.domains.attachments import events as attachments
from helpdesk_api.domains.attachments import jobs as attachment_jobs
from helpdesk_api.domains.attachments import queries as attachment_queries
from helpdesk_api.domains.attachments import reactions as attachment_reactions
from helpdesk_api.domains.attachments import scanning
from helpdesk_api.domains.authentication import actions as credentials
from helpdesk_api.domains.authentication import events as authentication
from helpdesk_api.domains.authentication import reactions as accounts
from helpdesk_api.domains.authentication.queries import authenticate_token, load_grants
from helpdesk_api.domains.bulk import jobs as bulk_jobs
from helpdesk_api.domains.canned_responses import events as canned_responses
from helpdesk_api.domains.categories import events as categories
from helpdesk_api.domains.checklists import events as checklists
from helpdesk_api.domains.checklists import reactions as checklist_reactions
from helpdesk_api.domains.classification import events as classification
from helpdesk_api.domains.classification import jobs as classification_jobs
from helpdesk_api.domains.classification import reactions as languages
from helpdesk_api.domains.classification.advising import advise
from helpdesk_api.domains.comments import events as comments
from helpdesk_api.domains.comments import queries as comment_queries
from helpdesk_api.domains.comments import reactions as comment_reactions
from helpdesk_api.domains.drafts import actions as drafts
from helpdesk_api.domains.embeddings import jobs as embeddings
from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.domains.expectations import measuring
from helpdesk_api.domains.expectations import queries as expectation_queries
from helpdesk_api.domains.forms import events as forms
from helpdesk_api.domains.knowledge import events as articles
from helpdesk_api.domains.knowledge import lifecycle as article_lifecycle
from helpdesk_api.domains.knowledge import meaning as article_meaning
from helpdesk_api.domains.knowledge_capture import actions as capture
from helpdesk_api.domains.macros import events as macros
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.notifications import events as notifications
from helpdesk_api.domains.notifications import reactions as mail
from helpdesk_api.domains.notifications.identity import use_identity
from helpdesk_api.domains.notifications.posting import DELIVER_JOB
from helpdesk_api.domains.organizations import events as organizations
from helpdesk_api.domains.presence import actions as presence
from helpdesk_api.domains.relations import events as relations
from helpdesk_api.domains.relations import queries as relation_queries
from helpdesk_api.domains.reminders import actions as reminder_actions
from helpdesk_api.domains.reminders import events as reminders
from helpdesk_api.domains.sla import clock_queries, escalations, following
from helpdesk_api.domains.sla import events as sla
from helpdesk_api.domains.sla import reactions as clocks
from helpdesk_api.domains.stream import schemas as stream_schemas
from helpdesk_api.domains.suggestions import actions as suggestions
from helpdesk_api.domains.suggestions import reactions as suggestion_reactions
from helpdesk_api.domains.suggestions import similar as similar_tickets
from helpdesk_api.domains.tags import events as tags
from helpdesk_api.domains.tags import renaming as tag_renaming
from helpdesk_api.domains.teams import events as teams
from helpdesk_api.domains.teams import reactions as membership
from helpdesk_api.domains.ticket_templates import events as ticket_templates
from helpdesk_api.domains.tickets import events as tickets
from helpdesk_api.domains.tickets import jobs as ticket_jobs
from helpdesk_api.domains.tickets import words
from helpdesk_api.domains.tickets.full_text import Source
from helpdesk_api.domains.tickets.highlights import Excerpts
from helpdesk_api.domains.tickets.includes import Include
from helpdesk_api.domains.tickets.ranking import Rank
from helpdesk_api.domains.tickets.representation import ClockSight
from helpdesk_api.domains.tickets.windows import use_windows
from helpdesk_api.domains.time_entries import actions as timekeeping
from helpdesk_api.domains.time_entries import events as time_entries
from helpdesk_api.domains.users import events as users
from helpdesk_api.domains.views import events as views
from helpdesk_api.domains.webhooks import events as webhooks
from helpdesk_api.domains.webhooks import jobs as webhook_jobs
from helpdesk_api.domains.webhooks import reactions as webhook_reactions
from helpdesk_api.domains.webhooks.fan_out import make_deliveries
from helpdesk_api.domains.webhooks.settings import WebhookSettings, use_settings
from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.jobs.runner import Handler
from helpdesk_api.jobs.schedule import Scheduled
from helpdesk_api.jobs.upkeep import PRUNE_JOB, prune
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.outbox.record import Reactions
from helpdesk_api.outbox.relay import Follower
from helpdesk_api.web.idempotency import drop_expired_keys
from helpdesk_api.web.rate_limit import drop_past_windows

__all__ = [
    "ADVISER",
    "EMBEDDED",
    "FOLLOWERS",
    "INCLUDES",
    "JOBS",
    "REACTIONS",
    "SCHEDULE",
    "SEARCH_EXCERPTS",
    "SEARCH_RANKS",
    "SEARCH_SOURCES",
    "SEARCH_TEXTS",
    "STREAM_MESSAGES",
    "TICKET_CLOCKS",
    "authenticate_token",
    "configure",
    "load_grants",
]

INCLUDES: Mapping[str, Include] = {
    "expectation": Include("expectations", expectation_queries.expectations_of),
    "last_comment": Include("comments", comment_queries.last_comments),
    "links": Include("links", relation_queries.links_of),
    "sla": Include("slas", clock_queries.ongoing_clocks),
}

TICKET_CLOCKS: ClockSight = clock_queries.has_ongoing

# Who is asked what a new ticket is, before it is routed.
ADVISER: Adviser = advise

SEARCH_SOURCES: tuple[Source, ...] = (comment_queries.matching_comments, attachment_queries.matching_names)
SEARCH_RANKS: tuple[Rank, ...] = (comment_queries.best_rank,)
SEARCH_TEXTS: tuple[words.Texts, ...] = (comment_queries.COMMENT_TEXTS,)
SEARCH_EXCERPTS: Mapping[str, Excerpts] = {"comments": comment_queries.excerpts}

# What is searched by its meaning: each text as it is to be understood.
EMBEDDED: Mapping[EmbeddedKind, embeddings.Texts] = {
    EmbeddedKind.ARTICLE: article_meaning.texts,
    EmbeddedKind.TICKET: similar_tickets.texts,
}

# What the relay does with each batch of events in the transaction that gives them their place in the log.
FOLLOWERS: tuple[Follower, ...] = (make_deliveries, embeddings.follow)
# What a stream says besides events, by the name of the message.
STREAM_MESSAGES: Mapping[str, type[BaseModel]] = {
    "end": stream_schemas.StreamEnd,
    "view": stream_schemas.ViewMembership,
}

# What has nothing to follow is listed too: a new event without a line here fails a test.
NOTHING = Reactions()
NOTED = Reactions(in_transaction=(clocks.note_event,))
# Clocks come last: they follow what the others have decided, or note a change that none of them looks at.
_shown = (comment_reactions.follow_attachment, attachment_reactions.show_in_description)
_changed = (routing.keep_load, routing.note_decisions, clocks.move_clocks)

REACTIONS: Mapping[type[DomainEvent], Reactions] = {
    tickets.TicketCreated: Reactions(
        in_transaction=(
            attachment_reactions.attach_at_opening,
            checklist_reactions.add_from_template,
            routing.route,
            clocks.start_clocks,
        ),
        after_commit=(
            mail.tell_of_receipt,
            mail.tell_of_assignment,
            suggestion_reactions.note_opened,
        ),
    ),
    tickets.TicketUpdated: Reactions(
        in_transaction=(attachment_reactions.attach_at_change, languages.note_language_of_ticket, *_changed),
    ),
    tickets.TicketAssigned: Reactions(
        in_transaction=_changed, after_commit=(mail.tell_of_assignment, routing.give_to_next_free)
    ),
    tickets.TicketStarted: Reactions(in_transaction=_changed, after_commit=(mail.tell_of_assignment,)),
    tickets.TicketPended: Reactions(in_transaction=_changed),
    tickets.TicketResumed: Reactions(in_transaction=_changed),
    tickets.TicketResolved: Reactions(
        in_transaction=(*_changed, capture.follow_resolution),
        after_commit=(mail.tell_of_resolution, routing.give_to_next_free),
    ),
    tickets.TicketConfirmed: Reactions(in_transaction=_changed),
    tickets.TicketReopened: Reactions(
        in_transaction=(routing.settle_reopened, *_changed, capture.follow_resolution),
        after_commit=(mail.tell_of_reopening, routing.serve_reopened),
    ),
    tickets.TicketClosed: Reactions(in_transaction=_changed, after_commit=(mail.tell_of_closing,)),
    tickets.TicketCancelled: Reactions(
        in_transaction=_changed, after_commit=(mail.tell_of_cancellation, routing.give_to_next_free)
    ),
    tickets.TicketMerged: Reactions(
        in_transaction=(
            *_changed,
            attaching.follow_merge,
            checklist_reactions.follow_merge,
            drafts.follow_merge,
            reminder_actions.follow_merge,
            timekeeping.follow_merge,
            alert_reactions.follow_merge,
        ),
        after_commit=(routing.give_to_next_free,),
    ),
    tickets.TicketRated: NOTED,
    tickets.TicketFlagged: NOTED,
    tickets.ParticipantAdded: NOTED,
    tickets.ParticipantRemoved: NOTED,
    tickets.CollaboratorAdded: Reactions(in_transaction=NOTED.in_transaction, after_commit=(mail.tell_of_sharing,)),
    tickets.CollaboratorRemoved: NOTED,
    tickets.WatcherAdded: NOTED,
    tickets.WatcherRemoved: NOTED,
    comments.CommentCreated: Reactions(
        in_transaction=(languages.note_language_of_comment, clocks.answer_clocks),
        after_commit=(mail.tell_of_comment,),
    ),
    comments.CommentUpdated: Reactions(in_transaction=(languages.note_language_of_comment, clocks.note_event)),
    attachments.AttachmentAdded: NOTHING,
    attachments.AttachmentReleased: Reactions(in_transaction=_shown),
    attachments.AttachmentRefused: Reactions(in_transaction=_shown),
    attachments.AttachmentRemoved: Reactions(in_transaction=(*_shown, clocks.note_event)),
    relations.TicketLinked: NOTED,
    relations.TicketUnlinked: NOTED,
    relations.TicketSplit: NOTED,
    reminders.ReminderDue: Reactions(after_commit=(mail.tell_of_reminder,)),
    sla.SlaStarted: NOTHING,
    sla.SlaPaused: NOTHING,
    sla.SlaResumed: NOTHING,
    sla.SlaWarned: Reactions(after_commit=(mail.tell_of_service_level,)),
    sla.SlaEscalated: Reactions(after_commit=(escalations.carry_out, mail.tell_of_service_level)),
    sla.SlaBreached: Reactions(after_commit=(mail.tell_of_service_level,)),
    sla.SlaMet: NOTHING,
    sla.SlaRecomputed: NOTHING,
    sla.SlaCancelled: NOTHING,
    sla.CalendarCreated: NOTHING,
    sla.CalendarUpdated: NOTHING,
    sla.CalendarArchived: NOTHING,
    sla.CalendarVersionAdded: NOTHING,
    sla.CalendarVersionWithdrawn: NOTHING,
    sla.SlaPolicyCreated: NOTHING,
    sla.SlaPolicyUpdated: NOTHING,
    sla.SlaPolicyPublished: NOTHING,
    sla.SlaPolicyVersionWithdrawn: NOTHING,
    sla.SlaPolicyArchived: NOTHING,
    forms.FormCreated: NOTHING,
    forms.FormUpdated: NOTHING,
    forms.FormArchived: NOTHING,
    articles.ArticleCreated: NOTHING,
    articles.ArticleUpdated: NOTHING,
    articles.ArticleSubmitted: NOTHING,
    articles.ArticleApproved: NOTHING,
    articles.ArticleRejected: NOTHING,
    articles.ArticlePublished: Reactions(in_transaction=(attachment_reactions.show_files_of_article,)),
    articles.ArticleArchived: NOTHING,
    articles.ArticleRestored: NOTHING,
    articles.ArticleReviewed: NOTHING,
    articles.ArticleReviewDue: Reactions(after_commit=(mail.tell_of_article_review,)),
    articles.ArticleCategoryCreated: NOTHING,
    articles.ArticleCategoryUpdated: NOTHING,
    articles.ArticleCategoryRetired: NOTHING,
    articles.ArticleCategoryRestored: NOTHING,
    views.ViewCreated: NOTHING,
    views.ViewUpdated: NOTHING,
    views.ViewDeleted: NOTHING,
    alerts.AlertIntegrationCreated: NOTHING,
    alerts.AlertIntegrationUpdated: NOTHING,
    alerts.AlertRoutingKeyChanged: NOTHING,
    webhooks.WebhookCreated: NOTHING,
    webhooks.WebhookUpdated: NOTHING,
    webhooks.WebhookDeleted: NOTHING,
    webhooks.WebhookSecretRotated: NOTHING,
    webhooks.WebhookCircuitOpened: Reactions(after_commit=(webhook_reactions.tell_owner,)),
    webhooks.WebhookCircuitClosed: NOTHING,
    webhooks.WebhookDisabled: Reactions(after_commit=(webhook_reactions.tell_owner,)),
    classification.ClassificationModelActivated: NOTHING,
    classification.ClassificationSettingsChanged: NOTHING,
    canned_responses.CannedResponseCreated: NOTHING,
    canned_responses.CannedResponseUpdated: NOTHING,
    canned_responses.CannedResponseDeleted: NOTHING,
    tags.TagRenamed: NOTHING,
    time_entries.TimeLogged: NOTHING,
    time_entries.TimeRatesChanged: NOTHING,
    checklists.ChecklistChanged: NOTED,
    ticket_templates.TicketTemplateCreated: NOTHING,
    ticket_templates.TicketTemplateUpdated: NOTHING,
    ticket_templates.TicketTemplateDeleted: NOTHING,
    macros.MacroCreated: NOTHING,
    macros.MacroUpdated: NOTHING,
    macros.MacroDeleted: NOTHING,
    macros.MacroApplied: NOTHING,
    assignments.AgentAvailabilityChanged: Reactions(after_commit=(routing.give_to_next_free,)),
    assignments.RoutingRuleCreated: NOTHING,
    assignments.RoutingRuleUpdated: NOTHING,
    assignments.RoutingRuleDeleted: NOTHING,
    categories.CategoryCreated: NOTHING,
    categories.CategoryUpdated: NOTHING,
    categories.CategoryRetired: NOTHING,
    categories.CategoryRestored: NOTHING,
    categories.PriorityMatrixChanged: NOTHING,
    users.UserCreated: Reactions(in_transaction=(accounts.invite,)),
    users.UserUpdated: Reactions(in_transaction=(membership.leave_teams,), after_commit=(routing.flag_open_tickets,)),
    users.UserDeactivated: Reactions(in_transaction=(accounts.shut_out,), after_commit=(routing.flag_open_tickets,)),
    users.UserReactivated: Reactions(
        in_transaction=(accounts.revoke_keys,), after_commit=(routing.flag_open_tickets, routing.give_to_next_free)
    ),
    notifications.NotificationPreferencesChanged: NOTHING,
    teams.TeamCreated: Reactions(in_transaction=(languages.forget_teams,)),
    teams.TeamUpdated: NOTHING,
    teams.TeamArchived: Reactions(in_transaction=(languages.forget_teams,)),
    teams.MemberAdded: Reactions(after_commit=(routing.serve_new_member,)),
    teams.MemberRemoved: NOTHING,
    organizations.OrganizationCreated: NOTHING,
    organizations.OrganizationUpdated: NOTHING,
    authentication.PasswordResetRequested: Reactions(after_commit=(mail.send_password_link,)),
    authentication.UserInvited: Reactions(after_commit=(mail.send_password_link,)),
    authentication.PasswordChanged: NOTHING,
    authentication.ApiKeyCreated: NOTHING,
    authentication.ApiKeyRevoked: NOTHING,
    authentication.ServiceSecretChanged: NOTHING,
    authentication.RefreshTokenReused: NOTHING,
}

CLOSE_RESOLVED = "tickets.close_resolved"
RESUME_SCHEDULED = "tickets.resume_scheduled"
DROP_KEYS = "idempotency.drop_expired"
DROP_CREDENTIALS = "authentication.drop_expired"
DROP_WINDOWS = "rate_limit.drop_past"
FORGET_PRESENCE = "presence.forget_expired"
MEASURE_TIMES = "expectations.measure"
TELL_REMINDERS = "reminders.tell_due"
PUBLISH_ARTICLES = "articles.publish_scheduled"
TELL_REVIEWS = "articles.tell_reviews"

JOBS: Mapping[str, Handler] = {
    **assignment_jobs.JOBS,
    **classification_jobs.JOBS,
    attachment_jobs.SCAN: scanning.scan,
    attachment_jobs.SHRINK: attachment_jobs.make_thumbnail,
    attachment_jobs.DROP_OBJECTS: attachment_jobs.drop_objects,
    attachment_jobs.DROP_UNREFERENCED: attachment_jobs.drop_unreferenced,
    attachment_jobs.SWEEP: attachment_jobs.sweep,
    **following.JOBS,
    **escalations.JOBS,
    CLOSE_RESOLVED: ticket_jobs.close_resolved,
    RESUME_SCHEDULED: ticket_jobs.resume_scheduled,
    DELIVER_JOB: delivery.deliver,
    DROP_KEYS: drop_expired_keys,
    DROP_CREDENTIALS: credentials.drop_expired,
    credentials.OPEN_RESET: credentials.open_reset,
    DROP_WINDOWS: drop_past_windows,
    FORGET_PRESENCE: presence.forget_expired,
    MEASURE_TIMES: measuring.measure,
    bulk_jobs.RUN: bulk_jobs.run,
    bulk_jobs.FORGET: bulk_jobs.forget,
    tag_renaming.RUN: tag_renaming.run,
    TELL_REMINDERS: reminder_actions.tell_due,
    PUBLISH_ARTICLES: article_lifecycle.publish_scheduled,
    TELL_REVIEWS: article_lifecycle.tell_reviews,
    suggestions.FORGET: suggestions.forget,
    embeddings.RUN: embeddings.run,
    embeddings.CHECK: embeddings.check,
    words.LEARN: words.learn,
    webhook_jobs.DROP_OLD: webhook_jobs.drop_old,
    PRUNE_JOB: prune,
}

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEDULE = (
    Scheduled(CLOSE_RESOLVED, _MINUTE, CLOSE_RESOLVED),
    Scheduled(RESUME_SCHEDULED, _MINUTE, RESUME_SCHEDULED),
    Scheduled(assignment_jobs.END_ABSENCES, _MINUTE, assignment_jobs.END_ABSENCES),
    Scheduled(assignment_jobs.SERVE_EVERY_TEAM, _MINUTE, assignment_jobs.SERVE_EVERY_TEAM),
    Scheduled(TELL_REMINDERS, _MINUTE, TELL_REMINDERS),
    Scheduled(PUBLISH_ARTICLES, _MINUTE, PUBLISH_ARTICLES),
    Scheduled(TELL_REVIEWS, _HOUR, TELL_REVIEWS),
    Scheduled(words.LEARN, _MINUTE, words.LEARN),
    Scheduled(FORGET_PRESENCE, _HOUR, FORGET_PRESENCE),
    Scheduled(MEASURE_TIMES, _HOUR, MEASURE_TIMES),
    Scheduled(classification_jobs.TRAIN, _HOUR, classification_jobs.TRAIN),
    Scheduled(bulk_jobs.FORGET, _HOUR, bulk_jobs.FORGET),
    Scheduled(attachment_jobs.DROP_UNREFERENCED, _HOUR, attachment_jobs.DROP_UNREFERENCED),
    Scheduled(attachment_jobs.SWEEP, timedelta(days=1), attachment_jobs.SWEEP),
    Scheduled(embeddings.RUN, _MINUTE, embeddings.RUN),
    Scheduled(embeddings.CHECK, _HOUR, embeddings.CHECK),
    Scheduled(suggestions.FORGET, timedelta(days=1), suggestions.FORGET),
    Scheduled(webhook_jobs.DROP_OLD, _HOUR, webhook_jobs.DROP_OLD),
    Scheduled(DROP_KEYS, _HOUR, DROP_KEYS),
    Scheduled(DROP_CREDENTIALS, _HOUR, DROP_CREDENTIALS),
    Scheduled(DROP_WINDOWS, _HOUR, DROP_WINDOWS),
    Scheduled(PRUNE_JOB, _HOUR, PRUNE_JOB),
)


def configure(settings: Settings) -> None:
    """What the domains take from the settings, once a process."""
    use_windows(reopen_days=settings.reopen_window_days, auto_close_days=settings.auto_close_days)
    use_identity(
        settings.mail_from, ticket_link=settings.portal_link_template, password_link=settings.password_link_template
    )
    reachable = Reachable(settings.outbound_networks)
    use_settings(WebhookSettings(settings.public_url, reachable, timedelta(days=settings.webhook_delivery_days)))
