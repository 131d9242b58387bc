"""The words of a ticket's life. Priority, type and channel lie with the categories, one tier below."""

from enum import StrEnum


class TicketStatus(StrEnum):
    """Where a ticket stands; treat an unknown value as `open`."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PendingReason(StrEnum):
    """What a pending ticket waits for."""

    REQUESTER = "requester"
    VENDOR = "vendor"
    CHANGE = "change"
    PROBLEM = "problem"
    APPROVAL = "approval"
    SCHEDULED = "scheduled"


class ResolutionCode(StrEnum):
    """How a ticket was resolved."""

    FIXED = "fixed"
    WORKAROUND = "workaround"
    FULFILLED = "fulfilled"
    ANSWERED = "answered"
    DUPLICATE = "duplicate"
    NOT_REPRODUCIBLE = "not_reproducible"
    NO_RESPONSE = "no_response"
    DECLINED = "declined"
    RESOLVED_BY_REQUESTER = "resolved_by_requester"


class PrioritySource(StrEnum):
    """What decided the priority."""

    MATRIX = "matrix"
    RULE = "rule"
    CATEGORY = "category"
    MODEL = "model"
    MANUAL = "manual"
    DEFAULT = "default"


class TicketInclude(StrEnum):
    """What a ticket brings along on request."""

    REQUESTER = "requester"
    SUBMITTER = "submitter"
    ASSIGNEE = "assignee"
    TEAM = "team"
    CATEGORY = "category"
    LAST_COMMENT = "last_comment"
    SLA = "sla"
    LINKS = "links"
    COLLABORATORS = "collaborators"
    EXPECTATION = "expectation"


class SlaState(StrEnum):
    """How the ticket stands to what was promised: the worst of its ongoing clocks, or how they ended."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"


class TicketAction(StrEnum):
    """What a caller may be able to do with a ticket; each is an operation of this API."""

    UPDATE = "update"
    SET_PRIORITY = "set_priority"
    ASSIGN = "assign"
    COMMENT = "comment"
    COMMENT_INTERNALLY = "comment_internally"
    ADD_PARTICIPANT = "add_participant"
    WATCH = "watch"
    START = "start"
    PEND = "pend"
    RESUME = "resume"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    CLOSE = "close"
    CANCEL = "cancel"
    LINK = "link"
    MERGE = "merge"
    MERGE_IN = "merge_in"
    SPLIT = "split"
    SHARE = "share"
    RATE = "rate"
    APPLY_MACRO = "apply_macro"
    ADD_CHECKLIST_ITEM = "add_checklist_item"
    REMIND = "remind"
    DRAFT_REPLY = "draft_reply"
    BE_PRESENT = "be_present"
    ENTER_TIME = "enter_time"
    START_TIMER = "start_timer"
    ANSWER_CHILDREN = "answer_children"
    RESOLVE_CHILDREN = "resolve_children"
    SET_DEADLINE = "set_deadline"
    DRAFT_ARTICLE = "draft_article"


class Refusal(StrEnum):
    """Why an action is not open to the caller now."""

    NOT_PERMITTED = "not_permitted"
    SCOPE_MISSING = "scope_missing"
    WRONG_STATUS = "wrong_status"
    REOPEN_WINDOW_PASSED = "reopen_window_passed"
    CHECKLIST_OPEN = "checklist_open"
    NO_CLOCK = "no_clock"
    MERGED = "merged"
