"""The judge of every answer in the tests can say no."""

import json
from typing import Any

import pytest

from tests.contract.test_generation import an_app
from tests.fixtures.contract import Contract, ContractViolationError

HEADERS = {
    "x-request-id": "0190a6f3e1d87c3aa1b2c3d4e5f60718",
    "ratelimit": '"default";r=599;t=60',
    "ratelimit-policy": '"default";q=600;w=60',
    "content-type": "application/json",
    "etag": '"v1"',
}
PATH = "/v1/shelves/org_0190a6f3e1d87c3aa1b2c3d4e5f60718"
SHELF = {
    "id": "org_0190a6f3e1d87c3aa1b2c3d4e5f60718",
    "name": "Left",
    "size": None,
    "floor": 1,
    "note": None,
    "made_at": "2026-03-02T08:15:00Z",
}
PROBLEM = {
    "type": "/problems/not_found",
    "title": "There is no such thing here",
    "status": 404,
    "detail": "There is no such thing here",
    "instance": PATH,
    "code": "not_found",
    "request_id": HEADERS["x-request-id"],
    "required_scope": None,
    "params": {},
    "errors": [],
}
PROBLEM_HEADERS = {**HEADERS, "content-type": "application/problem+json"}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.of(an_app())


def judge(contract: Contract, status: int, body: Any, headers: dict[str, str] = HEADERS) -> None:
    contract.check("GET", PATH, status, headers, json.dumps(body).encode())


def test_a_proper_answer_passes(contract: Contract) -> None:
    judge(contract, 200, SHELF)
    judge(contract, 404, PROBLEM, PROBLEM_HEADERS)


@pytest.mark.parametrize(
    ("status", "body", "headers", "told"),
    [
        (202, SHELF, HEADERS, "which is not among"),
        (200, {**SHELF, "secret": 1}, HEADERS, "secret"),
        (200, {**SHELF, "floor": "one"}, HEADERS, "floor"),
        (200, {**SHELF, "made_at": "yesterday"}, HEADERS, "made_at"),
        (200, {key: value for key, value in SHELF.items() if key != "note"}, HEADERS, "note"),
        (200, SHELF, {**HEADERS, "content-type": "text/plain"}, "as text/plain"),
        (200, SHELF, {key: value for key, value in HEADERS.items() if key != "etag"}, "without the header etag"),
        (200, SHELF, {**HEADERS, "ratelimit": "many"}, "header ratelimit"),
        (200, SHELF, {**HEADERS, "location": "/v1/x"}, "does not promise"),
        (404, {**PROBLEM, "code": "busy"}, PROBLEM_HEADERS, "documents only"),
        (404, {**PROBLEM, "code": "made_up"}, PROBLEM_HEADERS, "made_up"),
        (404, {"detail": "Not Found"}, PROBLEM_HEADERS, "title"),
    ],
)
def test_what_the_document_does_not_allow_is_told(
    contract: Contract, status: int, body: Any, headers: dict[str, str], told: str
) -> None:
    with pytest.raises(ContractViolationError, match=told):
        judge(contract, status, body, headers)


def test_an_operation_that_is_not_published_may_only_refuse(contract: Contract) -> None:
    contract.check("GET", "/v1/nothing", 404, PROBLEM_HEADERS, json.dumps(PROBLEM).encode())
    with pytest.raises(ContractViolationError, match="no such operation"):
        contract.check("GET", "/v1/nothing", 200, HEADERS, b"{}")
