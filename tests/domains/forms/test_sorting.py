"""Custom fields compared and in order: numbers as numbers, days as days, and the staff's own for the staff alone."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.registry import CustomKind
from helpdesk_api.conditions.sql import compile_where
from helpdesk_api.conditions.tree import ConditionComparison
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import caller_parameters
from helpdesk_api.domains.tickets.search import vocabulary_of
from tests.domains.tickets.test_search import found, opened, searched
from tests.factories.records import Make, principal_of
from tests.fixtures.clients import AsUser

FIELDS: list[dict[str, Any]] = [
    {"key": "cost", "kind": "number", "label": "Cost"},
    {"key": "model", "kind": "text", "label": "Model"},
    {"key": "since", "kind": "date", "label": "Since"},
    {"key": "budget", "kind": "number", "label": "Budget", "visible_to": "staff", "editable_by": "staff"},
]
FILLED: dict[str, dict[str, Any]] = {
    "A": {"cost": 9, "model": "beta", "since": "2026-03-01"},
    "B": {"cost": 100.5, "model": "Alpha", "since": "2025-12-31"},
    "C": {"cost": -3, "model": "alpha"},
    "D": {},
    "E": {"cost": 100, "model": "ärger", "since": "2026-11-02"},
}


@pytest.fixture
async def tickets(requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    form = (await admin_client.post("/v1/forms", json={"name": "Purchase", "fields": FIELDS})).json()
    return {
        subject: await opened(requester_client, subject=subject, form_id=form["id"], custom_fields=custom)
        for subject, custom in FILLED.items()
    }


def subjects(answer: dict[str, Any]) -> str:
    return "".join(row["subject"] for row in answer["data"])


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("cf_cost", "CAEBD"),
        ("-cf_cost", "BEACD"),
        ("cf_model", "BCAED"),
        ("-cf_model", "EACBD"),
        ("cf_since", "BAECD"),
        ("-cf_since", "EABDC"),
    ],
)
async def test_in_order_with_what_is_not_filled_in_last(
    requester_client: httpx.AsyncClient, sort: str, order: str
) -> None:
    assert subjects(await searched(requester_client, sort=sort)) == order
    pages, cursor = "", None
    for _ in range(3):
        body = {"sort": sort, "limit": 2, "cursor": cursor}
        page = await searched(requester_client, **{key: value for key, value in body.items() if value is not None})
        pages, cursor = pages + subjects(page), page["next_cursor"]
    assert (pages, cursor) == (order, None)
    back = await searched(requester_client, sort=sort, limit=2, cursor=page["prev_cursor"])
    assert subjects(back) == order[2:4]
    listed = await requester_client.get("/v1/tickets", params={"sort": sort, "query": "is:open"})
    assert subjects(listed.json()) == order


@pytest.mark.usefixtures("tickets")
async def test_a_cursor_carries_a_text_in_any_writing(requester_client: httpx.AsyncClient) -> None:
    form = (await requester_client.get("/v1/forms")).json()["data"][0]
    for subject in "FG":
        await opened(requester_client, subject=subject, form_id=form["id"], custom_fields={"model": "🖨" * 200})
    pages, cursor = "", dict[str, Any]()
    for _ in range(3):
        page = await searched(requester_client, sort="-cf_model", limit=1, **cursor)
        pages, cursor = pages + subjects(page), {"cursor": page["next_cursor"]}
    assert pages == "GFE"


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize(
    ("query", "those"),
    [
        ("cf_cost:>=100", ["B", "E"]),
        ("cf_cost:<9.5", ["A", "C"]),
        ("cf_cost:>-3", ["A", "B", "E"]),
        ("cf_cost:100.5", ["B"]),
        ("-cf_cost:>=100", ["A", "C", "D"]),
        ("cf_since:>=2026-03-01", ["A", "E"]),
        ("cf_since:<2026-01-01", ["B"]),
        ("cf_model:>b", ["A", "E"]),
        ("cf_model:>5", ["A", "B", "C", "E"]),
        ("cf_model:3..9", []),
    ],
)
async def test_more_and_less(requester_client: httpx.AsyncClient, query: str, those: list[str]) -> None:
    assert await found(requester_client, query) == those


async def test_what_the_staff_alone_fills_in_is_found_and_sorted_by_it_alone(
    tickets: dict[str, dict[str, Any]],
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    a_team: Make,
    a_user: Make,
    as_user: AsUser,
) -> None:
    for subject, budget in (("A", 5), ("D", 7)):
        path = f"/v1/tickets/{tickets[subject]['id']}"
        assert (await agent_client.patch(path, json={"custom_fields": {"budget": budget}})).status_code == 200
    for client in (agent_client, admin_client):
        assert await found(client, "cf_budget:>=6") == ["D"]
        assert await found(client, "cf_budget:5,7") == ["A", "D"]
        assert await found(client, "cf_budget:none") == ["B", "C", "E"]
        assert await found(client, "-cf_budget:5") == ["B", "C", "D", "E"]
        assert subjects(await searched(client, sort="-cf_budget")).startswith("DA")
    # An agent who merely asked for it does not see that side of it either.
    team = await a_team()
    moved = await admin_client.post(
        f"/v1/tickets/{tickets['D']['id']}/assignments", json={"team_id": f"tea_{team.id.hex}"}
    )
    assert moved.status_code == 201, moved.text
    colleague = await a_user(role=Role.AGENT)
    added = await admin_client.put(f"/v1/tickets/{tickets['D']['id']}/participants/usr_{colleague.id.hex}")
    assert added.status_code == 204, added.text
    assert await found(as_user(colleague), "subject:D") == ["D"]
    assert await found(as_user(colleague), "cf_budget:>=5") == ["A"]
    assert subjects(await searched(as_user(colleague), sort="cf_budget"))[0] == "A"


@pytest.mark.usefixtures("tickets")
async def test_what_no_form_asks_the_caller_for_is_unknown(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    async def refusal(reply: httpx.Response) -> tuple[Any, ...]:
        wrong = reply.json()["errors"][0] if reply.is_error else {}
        place = wrong.get("pointer") or wrong.get("params", {}).get("column") or wrong.get("parameter")
        return reply.status_code, reply.json().get("code"), wrong.get("code"), place

    parameter = await agent_client.get("/v1/tickets", params={"cf_nosuch": 1})
    assert await refusal(parameter) == (400, "unknown_parameter", "unknown_parameter", "cf_nosuch")
    for query, code, column in (
        ("is:open cf_nosuch:1", "unknown_field", 9),
        ("is:open cf_budget:>=6", "unknown_field", 9),
        ("cf_cost.id:9", "unknown_field", 1),
        ("cf_cost:3..9", "number_expected", 9),
        ("cf_cost:>much", "number_expected", 10),
        ("cf_since:>-7d", "date_expected", 11),
        ("cf_since:2026-02-30", "date_expected", 10),
    ):
        reply = await requester_client.get("/v1/tickets", params={"query": query})
        assert await refusal(reply) == (400, "invalid_query", code, column), query
        view = await requester_client.post("/v1/views", json={"name": "V", "scope": "personal", "query": query})
        assert await refusal(view) == (400, "invalid_query", code, "#/query")
    for field, op, value, code, place in (
        ("cf_nosuch", "eq", 1, "unknown_field", "field"),
        ("cf_budget", "is_null", True, "unknown_field", "field"),
        ("cf_cost", "contains", "1", "operator_not_applicable", "op"),
        ("cf_cost", "in", [1, "2"], "number_expected", "value"),
        ("cf_model", "gt", 5, "text_expected", "value"),
    ):
        conditions = {"any": [{"field": field, "op": op, "value": value}]}
        for path, body in (("/v1/tickets/search", {}), ("/v1/views", {"name": "V", "scope": "personal"})):
            reply = await requester_client.post(path, json={**body, "conditions": conditions})
            assert await refusal(reply) == (422, "invalid_conditions", code, f"#/conditions/any/0/{place}"), field
    for sort in ("cf_nosuch", "-cf_budget"):
        listed = await requester_client.get("/v1/tickets", params={"sort": sort})
        assert await refusal(listed) == (422, "unknown_sort", "unknown_sort", "sort")
        found_by = await requester_client.post("/v1/tickets/search", json={"sort": sort})
        assert await refusal(found_by) == (422, "unknown_sort", "unknown_sort", "#/sort")
        view = await requester_client.post("/v1/views", json={"name": "V", "scope": "personal", "sort": sort})
        assert await refusal(view) == (422, "unknown_sort", "unknown_sort", "#/sort")


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
@pytest.mark.parametrize(("field", "index"), [("cf_model", "custom_fields"), ("cf_model.id", "first_words")])
async def test_the_staff_search_both_halves_by_index(
    database: Database, a_user: Make, role: Role, field: str, index: str
) -> None:
    principal = await principal_of(database, await a_user(role=role))
    leaf = ConditionComparison.model_validate({"field": field, "op": "eq", "value": "light"})
    kinds = {"model": frozenset({CustomKind.ASSET})}
    checked = check(leaf, vocabulary_of(principal, kinds).subject)
    read = CompiledStatement(select(Ticket.id).where(compile_where(checked)))
    async with database.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        # Of the same rows, of which there are none: until this is rolled back only one of them can answer.
        other = {"custom_fields": "first_words", "first_words": "custom_fields"}[index]
        await session.execute(text(f"DROP INDEX ix_tickets_{other}, ix_tickets_internal_{other}"))
        connection = await (await session.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        arguments = read.arguments(caller_parameters(principal))
        rows = await connection.driver_connection.fetch(f"EXPLAIN {read.sql}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert f"ix_tickets_{index}" in plan
    assert f"ix_tickets_internal_{index}" in plan
