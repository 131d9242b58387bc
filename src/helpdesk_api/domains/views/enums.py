"""The words of views."""

from enum import StrEnum


class ViewScope(StrEnum):
    """Who has it in their list: its owner, a team's members, or all staff."""

    PERSONAL = "personal"
    TEAM = "team"
    SHARED = "shared"


class ViewAction(StrEnum):
    """What a caller may be able to do with a view; each is an operation of this API."""

    UPDATE = "update"
    DELETE = "delete"


class ViewRefusal(StrEnum):
    """Why an action on a view is not open to the caller."""

    NOT_PERMITTED = "not_permitted"
    SCOPE_MISSING = "scope_missing"


class ViewGrouping(StrEnum):
    """By what the rows of `GET /v1/views/{view_id}/tickets` come in groups: priorities from critical down, statuses as
    work runs, breached service levels first, teams and assignees by name, and last those without. Groups are of the
    newest 10,000 matches, beyond which `order_is_exact` is false; each grouping is a facet of `counts`, with how many a
    group has."""

    STATUS = "status"
    PRIORITY = "priority"
    TEAM_ID = "team_id"
    ASSIGNEE_ID = "assignee_id"
    SLA_STATE = "sla_state"


class ViewColumn(StrEnum):
    """A property of the ticket, in the order in which a client shows them."""

    REFERENCE = "reference"
    SUBJECT = "subject"
    STATUS = "status"
    TYPE = "type"
    PRIORITY = "priority"
    REQUESTER_ID = "requester_id"
    ASSIGNEE_ID = "assignee_id"
    TEAM_ID = "team_id"
    CATEGORY_ID = "category_id"
    ORGANIZATION_ID = "organization_id"
    CHANNEL = "channel"
    TAGS = "tags"
    SLA_STATE = "sla_state"
    SLA_DUE_AT = "sla_due_at"
    PUBLIC_COMMENT_COUNT = "public_comment_count"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    RESOLVED_AT = "resolved_at"
