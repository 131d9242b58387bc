"""The document itself: current, served as it is, complete in what the linters cannot see."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from helpdesk_api.cli import app as command_line
from helpdesk_api.web import errors
from helpdesk_api.web.openapi import build_document, render
from helpdesk_api.web.openapi.nodes import operations
from helpdesk_api.web.openapi.vocabulary import problem_classes
from tests.contract.examples import examples, misfits

CHECKED_IN = Path(__file__).parents[2] / "openapi" / "helpdesk.v1.json"
Json = dict[str, Any]
# What the surroundings of every route answer: the router, the server, the last handler.
ROUTERS_OWN = {
    "bad_request",
    "method_not_allowed",
    "conflict",
    "unprocessable",
    "forbidden",
    "too_many_requests",
    "request_head_too_large",
}
HIDDEN = {
    "asset_not_found",
    "problem_type_not_found",
    "unavailable",
    "precondition_required",
}


@pytest.fixture(scope="module")
def document() -> Json:
    found: Json = json.loads(CHECKED_IN.read_text(encoding="utf-8"))
    return found


async def test_checked_in_generated_and_served_are_the_same_bytes(app: FastAPI, client: httpx.AsyncClient) -> None:
    served = await client.get("/openapi.json")
    assert served.content == render(build_document(app))
    assert served.content == CHECKED_IN.read_bytes(), "write it with `make openapi`"


def test_a_document_that_differs_is_refused_by_the_command(tmp_path: Path) -> None:
    file = tmp_path / "helpdesk.json"
    file.write_text("{}")
    differs = CliRunner().invoke(command_line, ["openapi", "--check", str(file)])
    assert differs.exit_code == 1
    assert "make openapi" in differs.stderr
    assert file.read_text() == "{}"
    assert CliRunner().invoke(command_line, ["openapi", "--check"]).exit_code == 2


async def test_document_is_answered_304_to_who_has_it(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/openapi.json")
    second = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")


def test_every_example_fits_its_schema(document: Json) -> None:
    places = [place for place, _, _ in examples(document)]
    contents = [
        media
        for path, method, operation in operations(document)
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for kind, media in part.get("content", {}).items()
        if "json" in kind
    ]
    assert len(places) >= sum("example" in media for media in contents) > 400
    assert misfits(document) == []


def test_who_may_tell_of_the_past_is_told_what_refuses_it(document: Json) -> None:
    told = [
        operation["responses"]["422"]["description"]
        for _, _, operation in operations(document)
        if any(parameter.get("name") == "Occurred-At" for parameter in operation.get("parameters", []))
    ]
    assert len(told) > 30
    assert [description for description in told if "`instant_out_of_order`" not in description] == []


@pytest.mark.parametrize("name", ["example", "examples"])
@pytest.mark.parametrize("at", ["requestBody", "responses", "parameters", "headers", "components", "webhooks"])
def test_an_example_that_does_not_fit_is_found_wherever_it_stands(at: str, name: str) -> None:
    broken = {
        "schema": {"$ref": "#/components/schemas/Thing"},
        "example": {"size": "large"},
        "examples": {"one": {"value": {"size": 1}}, "other": {"value": {"size": "large"}}},
    }
    fitting = {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"size": 1}}
    wrong = {"schema": broken["schema"], name: broken[name]}
    operation = {
        "parameters": [fitting, wrong if at == "parameters" else fitting],
        "requestBody": {"content": {"application/json": wrong if at == "requestBody" else fitting}},
        "responses": {
            "200": {
                "headers": {"Size": wrong if at == "headers" else fitting},
                "content": {"application/problem+json": wrong if at == "responses" else fitting},
            }
        },
    }
    document: Json = {
        "paths": {"/things": {"post": operation}},
        "webhooks": {"thing": {"post": {"requestBody": {"content": {"a/b": wrong if at == "webhooks" else fitting}}}}},
        "components": {
            "responses": {"Bad": {"content": {"application/json": wrong if at == "components" else fitting}}},
            "schemas": {
                "Thing": {"type": "object", "properties": {"size": {"$ref": "#/components/schemas/Size"}}},
                "Size": {"type": "integer"},
            },
        },
    }
    [found] = misfits(document)
    assert at in found
    assert name in found


def test_every_operation_says_what_a_client_needs(document: Json) -> None:
    gaps = []
    for path, method, operation in operations(document):
        place = f"{method} {path}"
        answers = operation["responses"]
        needed = {"400", "401", "429", "500"}
        needed |= {"404"} if "{" in path else set()
        needed |= {"413", "415", "422"} if "requestBody" in operation else set()
        gaps += [f"{place}: no {status}" for status in sorted(needed - answers.keys())]
        gaps += [f"{place}: no {word}" for word in ("summary", "description", "tags") if not operation.get(word)]
        success = next(answers[status] for status in answers if status.startswith("2"))
        gaps += [f"{place}: free-form answer" for media in success.get("content", {}).values() if media["schema"] == {}]
        if any(scopes for one in operation["security"] for scopes in one.values()) and "403" not in answers:
            gaps.append(f"{place}: no 403")
    assert gaps == []


def test_codes_are_unique() -> None:
    seen: dict[str, type[errors.ProblemError]] = {}
    stack: list[type[errors.ProblemError]] = [errors.ProblemError]
    while stack:
        kind = stack.pop()
        stack.extend(kind.__subclasses__())
        if "code" in vars(kind) and kind.__module__.startswith("helpdesk_api."):
            assert kind.code not in seen, f"{kind} and {seen[kind.code]} share the code {kind.code}"
            seen[kind.code] = kind


def test_every_code_is_documented_by_a_route(document: Json) -> None:
    documented = {
        code
        for _, _, operation in operations(document)
        for codes in operation["x-error-codes"].values()
        for code in codes
    }
    assert set(problem_classes()) - documented - ROUTERS_OWN - HIDDEN == set()


def test_document_holds_no_trace_of_the_generator(document: Json) -> None:
    text = json.dumps(document)
    for trace in (
        "HTTPValidationError",
        "x-no-idempotency",
        "x-codes",
        "x-etag",
        "x-late-claim",
        "-Input",
        "-Output",
    ):
        assert trace not in text
