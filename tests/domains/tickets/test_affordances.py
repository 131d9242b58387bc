"""What a ticket says that its reader may do is what the server then does, in every state and for every role."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.domains.tickets.enums import TicketAction
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser
from tests.fixtures.database import OneConnectionDatabase

FIX = {"resolution_code": "fixed", "resolution_text": "Done."}
# How a ticket comes there, by whoever works on it; `None` is the requester's word.
WAYS: dict[str, list[tuple[str, dict[str, Any] | None]]] = {
    "open": [],
    "in_progress": [("start", {})],
    "pending": [("pend", {"reason": "requester"})],
    "resolved": [("resolve", FIX)],
    "closed": [("resolve", FIX), ("close", {})],
    "cancelled": [("cancel", {"reason": "Twice."})],
    "merged": [],
}
# What the server says when it does not do what was not offered; what else may be wrong with a request comes after.
REFUSED = {
    "action_forbidden": {"not_permitted", "scope_missing"},
    "field_forbidden": {"not_permitted"},
    "missing_scope": {"scope_missing"},
    # A priority is set by a change, and of what is final nothing is changed, whoever asks.
    "transition_not_allowed": {"wrong_status", "not_permitted", "scope_missing"},
    # Who may not apply macros sees none.
    "macro_not_found": {"not_permitted"},
    "merge_target_final": {"wrong_status"},
    "ticket_not_resolved": {"wrong_status"},
    "reopen_window_passed": {"reopen_window_passed"},
    # What is not theirs to do is told first by the offer, where the ticket goes on by the route.
    "ticket_merged": {"merged", "not_permitted", "scope_missing"},
}
# Where work has begun; what is offered to be taken can be a colleague's all the same.
STARTED = {"ticket_already_assigned": {"wrong_status"}}
NOT_HERE = {TicketAction.SPLIT}
"""Of one comment, and tried beside it."""


def calls(other: str, person: str, macro: str) -> dict[str, tuple[str, str, Any]]:
    nobody = "sla_" + "f" * 32
    return {
        "update": ("PATCH", "", {"subject": "Another subject"}),
        "set_priority": ("PATCH", "", {"priority": "critical", "priority_reason": "The board waits."}),
        "assign": ("POST", "/assignments", {"assignee_id": "me"}),
        "comment": ("POST", "/comments", {"body": "Hello"}),
        "comment_internally": ("POST", "/comments", {"body": "Hello", "visibility": "internal"}),
        "add_participant": ("PUT", f"/participants/{person}", None),
        "watch": ("PUT", f"/watchers/{person}", None),
        "pend": ("POST", "/pend", {"reason": "vendor"}),
        "resolve": ("POST", "/resolve", FIX),
        "reopen": ("POST", "/reopen", {"reason": "It is back."}),
        "cancel": ("POST", "/cancel", {"reason": "Not needed."}),
        "link": ("POST", "/links", {"kind": "relates_to", "ticket_id": other}),
        "merge": ("POST", "/merge", {"into": other}),
        "merge_in": ("POST", "/merge-in", {"ticket_ids": [other]}),
        "share": ("PUT", f"/collaborators/{person}", None),
        "rate": ("POST", "/rate", {"score": 5}),
        "apply_macro": ("POST", f"/macros/{macro}", {}),
        "add_checklist_item": ("POST", "/checklist-items", {"title": "Ask"}),
        "remind": ("POST", "/reminders", {"remind_at": "2099-01-01T00:00:00Z"}),
        "draft_reply": ("POST", "/drafts", {"body": "Dear"}),
        "be_present": ("PUT", "/presence", {"state": "viewing"}),
        "enter_time": ("POST", "/time-entries", {"seconds": 60}),
        "start_timer": ("POST", "/time-entries/start", {}),
        "answer_children": ("POST", "/children/comments", {"body": "Hello"}),
        "resolve_children": ("POST", "/children/resolve", FIX),
        "set_deadline": ("PUT", f"/slas/{nobody}/deadline", {"due_at": "2099-01-01T00:00:00Z"}),
        "draft_article": ("POST", "/article", {}),
        **{verb: ("POST", f"/{verb}", {}) for verb in ("start", "resume", "confirm", "close")},
    }


async def brought_to(state: str, requester: httpx.AsyncClient, agent: httpx.AsyncClient, other: str) -> str:
    path = f"/v1/tickets/{(await opened(requester))['id']}"
    ways = WAYS[state] if state != "merged" else [("merge", {"into": other})]
    for verb, body in ways:
        assert (await agent.post(f"{path}/{verb}", json=body)).is_success
    return path


@pytest.mark.parametrize("state", WAYS)
async def test_what_is_offered_is_done_and_nothing_else(
    database: OneConnectionDatabase,
    requester_client: httpx.AsyncClient,
    a_user: Make,
    as_user: AsUser,
    admin_client: httpx.AsyncClient,
    state: str,
) -> None:
    agent, person = await a_user(role=Role.AGENT), await a_user(role=Role.AGENT)
    other = (await opened(requester_client))["id"]
    macro = await admin_client.post(
        "/v1/macros",
        json={"title": "Thank", "scope": "shared", "steps": [{"op": "comment", "body": {"body": "Thanks."}}]},
    )
    tried = calls(other, f"usr_{person.id.hex}", macro.json()["id"])
    assert tried.keys() | NOT_HERE == set(TicketAction)
    path = await brought_to(state, requester_client, as_user(agent), other)
    wrong = []
    for client in (requester_client, as_user(agent), as_user(await a_user(role=Role.SUPERVISOR))):
        # The merged one itself, which a read by its name would pass over.
        listed = (await client.get("/v1/tickets")).json()["data"]
        (ticket,) = [one for one in listed if one["url"] == path]
        for offer in ticket["allowed_actions"]:
            if offer["action"] in NOT_HERE:
                continue
            method, below, body = tried[offer["action"]]
            if offer["action"] == "watch" and client is requester_client:
                below = f"/watchers/{ticket['requester_id']}"
            async with database.undone():
                reply = await client.request(method, path + below, **({} if body is None else {"json": body}))
            told = REFUSED | (STARTED if offer["action"] == "start" else {})
            reasons = told.get(reply.json()["code"], set()) if reply.status_code >= 400 else set()
            if reasons and reply.json()["code"] == "action_forbidden":
                assert reply.json()["params"]["action"] == offer["action"]
            if offer["allowed"] == bool(reasons) or not reasons >= {offer["reason_code"]} - {None}:
                wrong.append((offer["action"], offer["reason_code"], reply.status_code, reply.json().get("code")))
    assert not wrong, "\n".join(map(str, wrong))
