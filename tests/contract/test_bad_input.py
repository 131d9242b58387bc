"""Every operation of the document under hostile input: a stable code, a pointer, the right status, nothing changed."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.openapi.nodes import operations
from tests.contract.hostile import JSON_TYPE, TYPED_PREFIX, Attempt, Json, Operation
from tests.fixtures.clients import BASE_URL

CHECKED_IN = Path(__file__).parents[2] / "openapi" / "helpdesk.v1.json"
DOCUMENT: Json = json.loads(CHECKED_IN.read_text(encoding="utf-8")) if CHECKED_IN.exists() else {"paths": {}}
OPERATIONS = [Operation(DOCUMENT, *found) for found in operations(DOCUMENT)]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
SECURED = [operation for operation in OPERATIONS if not operation.is_public]
NOWHERE = UUID(int=0x0190A6F3E1D87C3AA1B2C3D4E5F60718)
SMALL_BODY = 2_000

PathOf = Callable[[Operation], Awaitable[tuple[str, bool]]]


def named(operation: Operation) -> str:
    return str(operation.node["operationId"])


@pytest.fixture
def path_of(a_ticket: Any, a_user: Any, a_team: Any, a_category: Any, an_organization: Any) -> PathOf:
    """The operation's path with ids of real records, and whether all of them are real."""
    makers = {
        "tkt": a_ticket,
        "usr": lambda: a_user(role=Role.AGENT),
        "tea": a_team,
        "cat": a_category,
        "org": an_organization,
    }

    made: dict[str, str] = {}

    async def fill(operation: Operation) -> tuple[str, bool]:
        path, all_real = operation.path, True
        for parameter in operation.parameters:
            if parameter["in"] != "path":
                continue
            typed = TYPED_PREFIX.match(operation.resolve(parameter["schema"]).get("pattern", ""))
            prefix = typed.group(1) if typed else ""
            if prefix in makers:
                if prefix not in made:
                    made[prefix] = public_id(prefix, (await makers[prefix]()).id)
                value = made[prefix]
            else:
                value, all_real = (
                    public_id(prefix, NOWHERE) if prefix else "nothing",
                    False,
                )
            path = path.replace(f"{{{parameter['name']}}}", value)
        return path, all_real

    return fill


def _shortcomings(attempt: Attempt, answer: httpx.Response, *, is_real: bool) -> str | None:
    """What is wrong with the answer; None when it is as promised."""
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{attempt.name}: {answer.status_code} {answer.headers.get('content-type')} {answer.text[:200]}"
    problem = answer.json()
    if not is_real and answer.status_code == 404:
        return None
    if (answer.status_code, problem["code"]) != (attempt.status, attempt.code):
        return f"{attempt.name}: {answer.status_code} {problem['code']}, not {attempt.status} {attempt.code}"
    pointers = [one["pointer"] or "" for one in problem["errors"]]
    if attempt.pointer and not any(
        pointer == attempt.pointer or pointer.startswith(f"{attempt.pointer}/") for pointer in pointers
    ):
        return f"{attempt.name}: points at {pointers}, not at {attempt.pointer}"
    if attempt.parameter and attempt.parameter not in [one["parameter"] for one in problem["errors"]]:
        return f"{attempt.name}: does not name the parameter {attempt.parameter}"
    return None


async def _events(database: Database) -> int:
    async with database.reads() as reads:
        return int(await reads.fetch_value(select(func.count()).select_from(EventRow)))


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
async def test_hostile_requests_get_a_stable_code_and_change_nothing(
    operation: Operation,
    admin_client: httpx.AsyncClient,
    path_of: PathOf,
    database: Database,
) -> None:
    path, is_real = await path_of(operation)
    before = await _events(database)
    failures = []
    for attempt in operation.attempts():
        url = path
        for name, value in attempt.path.items():
            url = _replaced(operation.path, path, name, value)
        answer = await admin_client.request(
            operation.method.upper(),
            url,
            params=attempt.query,
            content=attempt.content,
            headers=attempt.headers,
        )
        failure = _shortcomings(attempt, answer, is_real=is_real or bool(attempt.path))
        failures += [failure] if failure else []
    assert failures == []
    assert await _events(database) == before


def _replaced(template: str, path: str, name: str, value: str) -> str:
    """The path with one of its parameters put to another value."""
    parts = zip(template.split("/"), path.split("/"), strict=True)
    return "/".join(value if wanted == f"{{{name}}}" else given for wanted, given in parts)


async def test_without_credentials_is_401(client: httpx.AsyncClient, path_of: PathOf) -> None:
    answers = {}
    for operation in SECURED:
        path, _ = await path_of(operation)
        content = operation.valid_body()
        answer = await client.request(operation.method.upper(), path, content=content, headers=dict(JSON_TYPE))
        challenge = answer.headers.get("www-authenticate", "").partition(" ")[0]
        answers[named(operation)] = (answer.status_code, answer.json()["code"], challenge)
    assert len(answers) == len(SECURED)
    assert {name: one for name, one in answers.items() if one != (401, "missing_credentials", "Bearer")} == {}


@pytest.fixture
async def small_client(
    settings: Settings, database: Database, app: FastAPI, a_user: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """An admin of an application that takes bodies of `SMALL_BODY` bytes at most."""
    small = create_app(settings.model_copy(update={"max_body_bytes": SMALL_BODY}), database=database)
    small.state.authenticator = app.state.authenticator
    admin = await a_user(role=Role.ADMIN)
    headers = {**JSON_TYPE, "authorization": f"Bearer test-{admin.id.hex}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=small), base_url=BASE_URL, headers=headers
    ) as client:
        yield client


async def test_oversized_body_is_413(small_client: httpx.AsyncClient, path_of: PathOf) -> None:
    answers = {}
    for operation in WITH_BODY:
        path, _ = await path_of(operation)
        answer = await small_client.request(operation.method.upper(), path, content=b'"' + b"a" * SMALL_BODY + b'"')
        answers[named(operation)] = (answer.status_code, answer.json()["code"])
    assert len(answers) == len(WITH_BODY)
    assert {name: one for name, one in answers.items() if one != (413, "payload_too_large")} == {}


async def test_a_body_of_unannounced_length_is_counted(small_client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(SMALL_BODY // 100 + 1):
            yield b"a" * 100

    answer = await small_client.post("/v1/tickets", content=chunks())
    assert "content-length" not in answer.request.headers
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_ticket_that_the_caller_cannot_see_is_404(requester_client: httpx.AsyncClient, path_of: PathOf) -> None:
    answers = {}
    for operation in (one for one in SECURED if "{ticket_id}" in one.path):
        path, _ = await path_of(operation)
        content = operation.valid_body()
        answer = await requester_client.request(
            operation.method.upper(), path, content=content, headers=dict(JSON_TYPE)
        )
        answers[named(operation)] = (answer.status_code, answer.json()["code"])
    assert len(answers) > 30
    seen = {name: one for name, one in answers.items() if one[0] != 404 and one[1] != "missing_scope"}
    assert seen == {}


async def test_a_cursor_of_another_list_is_refused(admin_client: httpx.AsyncClient, a_team: Any) -> None:
    for _ in range(2):
        await a_team()
    page = (await admin_client.get("/v1/teams", params={"limit": 1})).json()
    answer = await admin_client.get("/v1/users", params={"cursor": page["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/nothing", "/v2/tickets", "/v1/tickets/", "/%00", "/v1/%ff"],
)
async def test_unknown_paths_are_problems(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_slash_inside_of_a_name_leads_nowhere(admin_client: httpx.AsyncClient, a_ticket: Any) -> None:
    ticket = await a_ticket()
    address = f"/v1/tickets/{ticket.reference}"
    assert (await admin_client.get(f"{address}/comments")).status_code == 200
    assert (await admin_client.get(address.replace("-", "%2D"))).status_code == 200
    for slash in ("%2F", "%2f"):
        answer = await admin_client.get(f"{address}{slash}comments")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("address", "status", "code", "parameter"),
    [
        ("/v1/tickets?status=open&q=%FF", 400, "address_not_utf8", "q"),
        ("/v1/tickets?tag=%ED%A0%80&q=a", 400, "address_not_utf8", "tag"),
        ("/v1/tickets?q=%C0%AF", 400, "address_not_utf8", "q"),
        ("/v1/tickets/%FF", 400, "address_not_utf8", "ticket_id"),
        ("/v1/tickets?q=%EF%BF%BD+50%", 200, None, None),
        ("/v1/tickets?limit=1_0", 422, "validation_failed", "limit"),
        ("/v1/tickets?limit=%2010", 422, "validation_failed", "limit"),
        ("/v1/tickets?limit=%D9%A1", 422, "validation_failed", "limit"),
        ("/v1/tickets?counts=on", 422, "validation_failed", "counts"),
        ("/v1/tickets?include_total=True", 422, "validation_failed", "include_total"),
        ("/v1/teams?is_archived=1", 422, "validation_failed", "is_archived"),
        ("/v1/teams?is_archived=false", 200, None, None),
        ("/v1/articles/art_0190a6f3e1d87c3aa1b2c3d4e5f60718/versions/1_0", 422, "validation_failed", "number"),
    ],
)
async def test_an_address_is_read_as_it_is_written(
    admin_client: httpx.AsyncClient, address: str, status: int, code: str | None, parameter: str | None
) -> None:
    answer = await admin_client.get(address)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert [one["parameter"] for one in answer.json().get("errors", [])] == [parameter] * (code is not None)


async def test_a_refused_preflight_is_a_problem(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://elsewhere.test", "Access-Control-Request-Method": "GET"}
    answer = await client.options("/v1/tickets", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.json()["detail"] == "Disallowed CORS origin."
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"].startswith("Origin, ")


async def test_other_methods_are_405_with_all_that_are_allowed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.request("TRACE", "/v1/tickets")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_head_is_answered_as_get_is_without_the_body(
    client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_ticket: Any
) -> None:
    ticket = f"/v1/tickets/{(await a_ticket()).reference}"
    for caller, path in (
        (agent_client, ticket),
        (agent_client, "/v1/tickets?limit=1"),
        (agent_client, "/v1/tickets?limit=x"),
        (agent_client, "/v1/tickets/INC-0"),
        (agent_client, "/v1/webhooks"),
        (client, ticket),
        (client, "/livez"),
    ):
        read, head = await caller.get(path), await caller.head(path)
        assert (head.status_code, head.content) == (read.status_code, b"")
        for answer in (read, head):
            del answer.headers["x-request-id"], answer.headers["ratelimit"]
        assert head.headers == read.headers
    etag = (await agent_client.head(ticket)).headers["etag"]
    assert (await agent_client.head(ticket, headers={"If-None-Match": etag})).status_code == 304


async def test_head_opens_no_stream(agent_client: httpx.AsyncClient, app: FastAPI) -> None:
    head = await agent_client.head("/v1/events/stream")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert app.state.following._reader is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/routing-rules/order", "GET, HEAD, PUT"),
        ("DELETE", "/v1/sessions/refresh", "POST"),
        ("GET", "/v1/sessions/current", "DELETE"),
        ("HEAD", "/v1/sessions/current", "DELETE"),
        ("PATCH", "/v1/tickets/INC-1/time-entries/start", "POST"),
        ("DELETE", "/v1/tickets/INC-1/time-entries/start", "POST"),
    ],
)
async def test_a_literal_path_is_not_a_record_of_that_name(
    admin_client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await admin_client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
