"""Every route and every role, walked off the router: nobody is let in by an oversight."""

import re
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.dependencies import RequiresPermission
from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS, Permission, Role
from helpdesk_api.routers import ROUTERS
from helpdesk_api.web.routing import ApiRoute
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

IDS = {
    "ticket_id": "tkt_",
    "comment_id": "cmt_",
    "user_id": "usr_",
    "team_id": "tea_",
    "organization_id": "org_",
    "category_id": "cat_",
    "calendar_id": "cal_",
    "policy_id": "slp_",
    "sla_id": "sla_",
    "rule_id": "rul_",
    "event_id": "evt_",
    "session_id": "ses_",
    "key_id": "key_",
    "mail_id": "mai_",
    "job_id": "job_",
    "form_id": "frm_",
    "view_id": "vie_",
    "link_id": "lnk_",
    "bulk_job_id": "bjb_",
    "draft_id": "dft_",
    "webhook_id": "whk_",
    "delivery_id": "whd_",
    "reminder_id": "rem_",
    "integration_id": "ain_",
    "alert_id": "alt_",
    "attachment_id": "att_",
    "article_id": "art_",
    "related_id": "art_",
    "article_category_id": "acg_",
    "canned_response_id": "can_",
    "macro_id": "mac_",
    "tag_rename_id": "tag_",
    "time_entry_id": "tim_",
    "checklist_item_id": "chk_",
    "ticket_template_id": "tpl_",
    "suggestion_id": "sug_",
}
GUARDED = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, ApiRoute) and isinstance(route.guard, RequiresPermission)
    for method in sorted(route.methods or ())
]


def concrete(route: ApiRoute, **given: str) -> str:
    """The route's path with ids of the right kind that nothing has."""

    def one(match: re.Match[str]) -> str:
        return given.get(match[1], "7" if match[1] == "number" else IDS[match[1]] + "f" * 32)

    return re.sub(r"\{(\w+)\}", one, route.path_format)


def body_for(method: str) -> dict[str, Any]:
    return {"json": {}} if method in {"POST", "PATCH", "PUT"} else {}


async def test_nobody_comes_in_unknown(client: httpx.AsyncClient) -> None:
    answers = {}
    for method, route in GUARDED:
        reply = await client.request(method, concrete(route), **body_for(method))
        challenge = reply.headers.get("www-authenticate", "").partition(" ")[0]
        answers[f"{method} {route.path_format}"] = (reply.status_code, reply.json()["code"], challenge)
    assert len(answers) > 200
    assert {name: one for name, one in answers.items() if one != (401, "missing_credentials", "Bearer")} == {}


@pytest.mark.parametrize("role", list(Role))
async def test_a_missing_right_is_named(role: Role, a_user: Make, as_user: AsUser) -> None:
    caller = as_user(await a_user(role=role))
    refused = 0
    for method, route in GUARDED:
        assert isinstance(route.guard, RequiresPermission)
        needed = route.guard.permission
        if needed is None or needed in ROLE_PERMISSIONS[role]:
            continue
        reply = await caller.request(method, concrete(route), **body_for(method))
        assert (reply.status_code, reply.json()["required_scope"]) == (403, needed.value), route.path_format
        refused += 1
    assert refused > 0 or role is Role.ADMIN


async def test_what_is_not_there_is_404_and_what_is_hidden_looks_the_same(
    a_user: Make, a_team: Make, a_ticket: Make, as_user: AsUser
) -> None:
    """On every route below a ticket, for a requester and for an agent of another team."""
    team, other = await a_team(auto_assign=False), await a_team(auto_assign=False)
    hidden = await a_ticket(team_id=team.id)
    callers = [as_user(await a_user()), as_user(await a_user(role=Role.SUPERVISOR, teams=[other]))]
    walked = 0
    for method, route in GUARDED:
        if "{ticket_id}" not in route.path_format:
            continue
        for caller in callers:
            replies = []
            for ticket_id in (f"tkt_{hidden.id.hex}", "tkt_" + "f" * 32):
                path = concrete(route, ticket_id=ticket_id)
                replies.append(await caller.request(method, path, **body_for(method)))
            answers = [(reply.status_code, reply.json()["code"], reply.json()["detail"]) for reply in replies]
            assert answers[0] == answers[1], route.path_format
            assert answers[0][0] == 404, (method, route.path_format, answers[0])
            walked += 1
    assert walked > 30


def test_every_permission_is_asked_for_somewhere() -> None:
    asked = {route.guard.permission for _, route in GUARDED if isinstance(route.guard, RequiresPermission)}
    # Not routes of their own: priority by hand, and the import clock.
    assert set(Permission) - asked <= {Permission.TICKETS_ADMIN, Permission.IMPORT}
