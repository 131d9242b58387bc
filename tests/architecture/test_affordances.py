"""What can be done to a record stands in its `allowed_actions`: every write below one is walked off the router."""

from collections.abc import Iterator
from enum import StrEnum

from fastapi import FastAPI

from helpdesk_api.domains.attachments.enums import AttachmentAction
from helpdesk_api.domains.comments.enums import CommentAction
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.rules import REQUIRED_FIELDS
from helpdesk_api.domains.views.enums import ViewAction
from helpdesk_api.routers import ROUTERS
from helpdesk_api.web.routing import ApiRoute
from tests.fixtures.contract import document_of

A = TicketAction
RECORDS = ("/v1/tickets/{ticket_id}", "/v1/attachments/{attachment_id}", "/v1/views/{view_id}")
# Each write's entry. Where several share one, the first that makes something is the one whose fields it names.
OFFERED: dict[str, StrEnum] = {
    "updateTicket": A.UPDATE,
    "assignTicket": A.ASSIGN,
    "addTicketComment": A.COMMENT,
    "updateTicketComment": CommentAction.EDIT,
    "splitTicketComment": A.SPLIT,
    "addTicketParticipant": A.ADD_PARTICIPANT,
    "removeTicketParticipant": A.ADD_PARTICIPANT,
    "watchTicket": A.WATCH,
    "unwatchTicket": A.WATCH,
    "shareTicket": A.SHARE,
    "unshareTicket": A.SHARE,
    "startTicket": A.START,
    "pendTicket": A.PEND,
    "resumeTicket": A.RESUME,
    "resolveTicket": A.RESOLVE,
    "confirmTicket": A.CONFIRM,
    "reopenTicket": A.REOPEN,
    "closeTicket": A.CLOSE,
    "cancelTicket": A.CANCEL,
    "rateTicket": A.RATE,
    "linkTicket": A.LINK,
    "unlinkTicket": A.LINK,
    "mergeTicket": A.MERGE,
    "mergeTicketsIn": A.MERGE_IN,
    "answerTicketChildren": A.ANSWER_CHILDREN,
    "resolveTicketChildren": A.RESOLVE_CHILDREN,
    "applyTicketMacro": A.APPLY_MACRO,
    "addChecklistItem": A.ADD_CHECKLIST_ITEM,
    "createTicketReminder": A.REMIND,
    "createTicketDraft": A.DRAFT_REPLY,
    "setTicketPresence": A.BE_PRESENT,
    "clearTicketPresence": A.BE_PRESENT,
    "addTimeEntry": A.ENTER_TIME,
    "startTimer": A.START_TIMER,
    "setTicketSlaDeadline": A.SET_DEADLINE,
    "draftTicketArticle": A.DRAFT_ARTICLE,
    "deleteAttachment": AttachmentAction.DELETE,
    "updateView": ViewAction.UPDATE,
    "deleteView": ViewAction.DELETE,
}
# What is done to a part of a ticket that has entries of its own, or is its author's alone.
OF_A_PART = {
    "updateChecklistItem": "a checklist item has its own",
    "removeChecklistItem": "a checklist item has its own",
    "updateTimeEntry": "a time entry has its own",
    "removeTimeEntry": "a time entry has its own",
    "stopTimer": "a time entry has its own",
    "updateTicketDraft": "whoever sees a draft writes it",
    "deleteTicketDraft": "a draft names its author, whose it is",
    "sendTicketDraft": "sent, it is a `comment` or `comment_internally`",
}
# What is no operation of its own, but a field or a kind of another.
WITHIN = {A.SET_PRIORITY: "updateTicket", A.COMMENT_INTERNALLY: "addTicketComment"}
# One of several does, or what an internal note needs besides, which a schema does not say.
CHOICES = {A.ASSIGN, A.SPLIT}


def writes() -> Iterator[tuple[str, str, ApiRoute]]:
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, ApiRoute) and route.path_format.startswith(RECORDS):
                for method in (route.methods or set()) - {"GET", "HEAD"}:
                    yield method, route.operation_id or "", route


def test_every_write_below_a_record_has_its_entry() -> None:
    found = {operation for _, operation, _ in writes()}
    assert found - OFFERED.keys() - OF_A_PART.keys() == set()
    assert (OFFERED.keys() | OF_A_PART.keys()) - found == set()


def test_every_entry_is_an_operation() -> None:
    assert set(TicketAction) - set(OFFERED.values()) == set(WITHIN)
    assert set(WITHIN.values()) <= OFFERED.keys()


def test_an_entry_names_what_its_operation_requires(app: FastAPI) -> None:
    contract = document_of(app)
    schemas = contract["components"]["schemas"]
    for path, item in contract["paths"].items():
        for operation in (one for method, one in item.items() if method in {"post", "put", "patch"}):
            action = OFFERED.get(operation["operationId"])
            if not isinstance(action, TicketAction) or action in CHOICES:
                continue
            body = next(iter(operation.get("requestBody", {"content": {}})["content"].values()), None)
            named = schemas[body["schema"]["$ref"].rpartition("/")[2]] if body else {}
            in_path = [part[1:-1] for part in path.split("/") if part.startswith("{") and part != "{ticket_id}"]
            assert sorted([*in_path, *named.get("required", [])]) == sorted(REQUIRED_FIELDS.get(action, ())), action
