"""A request pays for the parameters that it gives, and is answered as if all had been looked for."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Query
from fastapi.routing import APIRoute

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.web import lean
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/lean", tags=["lean"])


async def _inner(deep: Annotated[int, Query(ge=1)] = 3, old: int = Query(7)) -> tuple[int, int]:
    return deep, old


@router.get("", dependencies=[public("a test")])
async def _read(
    inner: Annotated[tuple[int, int], Depends(_inner)],
    needed: int,
    wide: Annotated[str | None, Query(max_length=3)] = None,
    many: Annotated[list[int] | None, Query()] = None,
    tag: Annotated[str | None, Header(alias="If-Something")] = None,
) -> dict[str, Any]:
    return {"inner": inner, "needed": needed, "wide": wide, "many": many, "tag": tag}


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    app.router.routes.extend(router.routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lean.test")


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("needed=1", {}, {"inner": [3, 7], "needed": 1, "wide": None, "many": None, "tag": None}),
        ("needed=1&deep=5", {}, {"inner": [5, 7], "needed": 1, "wide": None, "many": None, "tag": None}),
        ("needed=1&old=9", {}, {"inner": [3, 9], "needed": 1, "wide": None, "many": None, "tag": None}),
        ("needed=1&many=1&many=2", {}, {"inner": [3, 7], "needed": 1, "wide": None, "many": [1, 2], "tag": None}),
        (
            "needed=1&wide=x",
            {"IF-SOMETHING": "y"},
            {"inner": [3, 7], "needed": 1, "wide": "x", "many": None, "tag": "y"},
        ),
    ],
)
async def test_given_and_left_out(
    client: httpx.AsyncClient, query: str, headers: dict[str, str], expected: dict[str, Any]
) -> None:
    for _ in range(2):
        assert (await client.get(f"/v1/lean?{query}", headers=headers)).json() == expected


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", ["query", "needed"]),
        ("needed=1&deep=0", ["query", "deep"]),
        ("needed=1&wide=long", ["query", "wide"]),
        ("needed=1&many=x", ["query", "many", 0]),
    ],
)
async def test_what_is_given_is_judged(client: httpx.AsyncClient, query: str, where: list[Any]) -> None:
    reply = await client.get(f"/v1/lean?{query}")
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == where


async def test_the_number_of_handlers_is_bounded(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "MAX_HANDLERS", 0)
    fresh = ApiRouter(prefix="/v1/lean", tags=["lean"])
    fresh.add_api_route("", _read, dependencies=[public("a test")])
    (route,) = fresh.routes
    assert isinstance(route, APIRoute)
    full = route.get_route_handler()
    handlers = lean.LeanHandlers(route, full)
    request: Any = type("Request", (), {"query_params": {"wide": "x"}, "headers": {}})()
    assert handlers.handler_for(request) is full
    assert not handlers._handlers
