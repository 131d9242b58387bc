"""A request pays for the parameters that it gives, and is answered as FastAPI's own walk answers it."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Form, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.routing import Match

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.config import Settings
from helpdesk_api.main import create_app
from helpdesk_api.web import lean
from helpdesk_api.web.dispatch import Dispatcher, RouteTable
from helpdesk_api.web.errors import MalformedJson
from helpdesk_api.web.problems import problem_response
from helpdesk_api.web.routing import ApiRoute, ApiRouter

PUBLIC = [public("a test")]
router = ApiRouter(prefix="/v1/lean", tags=["lean"])


class _Item(BaseModel):
    name: str
    size: int = 1


async def _inner(deep: Annotated[int, Query(ge=1)] = 3, old: int = Query(7)) -> tuple[int, int]:
    return deep, old


async def _opened(request: Request) -> AsyncIterator[list[str]]:
    log: list[str] = request.app.state.log
    log.append("opened")
    try:
        yield log
    except BaseException as error:
        log.append(type(error).__name__)
        raise
    log.append("closed")


async def _asks_twice(log: Annotated[list[str], Depends(_opened, scope="function")], count: int) -> int:
    log.append("asked")
    return count


@router.get("", dependencies=PUBLIC)
async def _read(
    inner: Annotated[tuple[int, int], Depends(_inner)],
    needed: int,
    wide: Annotated[str | None, Query(max_length=3)] = None,
    many: Annotated[list[int] | None, Query()] = None,
    tag: Annotated[str | None, Header(alias="If-Something")] = None,
) -> dict[str, Any]:
    return {"inner": inner, "needed": needed, "wide": wide, "many": many, "tag": tag}


@router.put("/{number}/item", dependencies=PUBLIC, status_code=202)
async def _write(
    item: _Item,
    number: int,
    count: Annotated[int, Depends(_asks_twice)],
    log: Annotated[list[str], Depends(_opened, scope="function")],
) -> dict[str, Any]:
    log.append("written")
    if item.size == 0:
        raise ZeroDivisionError
    return {"number": number, "count": count, "item": item.model_dump()}


@router.put("/{number}/form", dependencies=PUBLIC)
async def _fill_in(number: int, name: Annotated[str, Form()]) -> dict[str, Any]:
    return {"number": number, "name": name}


@router.get("/{number}/gone", dependencies=PUBLIC, status_code=204)
async def _forget(number: int) -> None:
    del number


async def _marked(response: Response) -> None:
    response.headers["X-Marked"] = "by a dependency"
    response.headers["X-Both"] = "first"


@router.post("/{number}/item", dependencies=[*PUBLIC, Depends(_marked)], status_code=201)
async def _create(number: int, response: Response) -> dict[str, int]:
    response.headers["Location"] = f"/v1/lean/{number}"
    response.headers["X-Both"] = "second"
    response.headers.append("Set-Cookie", "a=1")
    response.headers.append("Set-Cookie", "b=2")
    if number == 2:
        response.status_code = 200
    if number == 3:
        response.status_code = 204
    if number == 4:
        raise ZeroDivisionError
    return {"number": number}


@dataclass
class _Filters:
    least: Annotated[int, Query(ge=1)] = 1
    word: str | None = None


@router.get("/{number}/filtered", dependencies=PUBLIC)
async def _filtered(number: int, filters: Annotated[_Filters, Depends()]) -> dict[str, Any]:
    return {"number": number, "least": filters.least, "word": filters.word}


@router.post("/{number}/own", dependencies=[*PUBLIC, Depends(_marked)])
async def _answers_itself(number: int) -> Response:
    return Response(f"{number}", 203, {"X-Own": "yes"})


class _Sparse(BaseModel):
    kept: int = 1
    left_out: int = 2


@router.get("/{number}/sparse", dependencies=PUBLIC, response_model_exclude_unset=True)
async def _cut(number: int) -> _Sparse:
    return _Sparse(kept=number)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, MalformedJson)
    return problem_response(request, error)


def served(*, laid_out: bool) -> FastAPI:
    app = FastAPI()
    app.state.log = []
    app.router.routes.extend(router.routes)
    app.add_exception_handler(MalformedJson, _refused)
    if laid_out:
        app.user_middleware.append(Middleware(Dispatcher, application=app))
    return app


@pytest.fixture(params=["laid out", "by FastAPI"])
def app(request: pytest.FixtureRequest) -> FastAPI:
    return served(laid_out=request.param == "laid out")


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://lean.test")


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


@pytest.mark.parametrize(
    ("path", "content", "status", "log"),
    [
        ("5/item?count=5", b'{"name": "a"}', 202, ["opened", "asked", "written", "closed"]),
        ("5/item?count=5", b'{"name": 1}', 422, ["opened", "asked", "RequestValidationError"]),
        ("5/item?count=5", b"null", 422, ["opened", "asked", "RequestValidationError"]),
        ("5/item?count=5", b"", 422, ["opened", "asked", "RequestValidationError"]),
        ("5/item?count=5", b"{", 422, []),
        ("5/item?count=5", b'"\xff"', 400, []),
        ("x/item?count=5", b'{"name": "a"}', 422, ["opened", "asked", "RequestValidationError"]),
        ("5/item?count=x", b'{"name": "a"}', 422, ["opened", "RequestValidationError"]),
        ("5/item?count=5", b'{"name": "a", "size": 0}', 500, ["opened", "asked", "written", "ZeroDivisionError"]),
    ],
)
async def test_bodies_and_what_was_opened(
    app: FastAPI, client: httpx.AsyncClient, path: str, content: bytes, status: int, log: list[str]
) -> None:
    reply = await client.put(f"/v1/lean/{path}", content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, app.state.log) == (status, log)


async def test_both_ways_refuse_in_the_same_words() -> None:
    answers = []
    for laid_out in (True, False):
        transport = httpx.ASGITransport(served(laid_out=laid_out))
        async with httpx.AsyncClient(transport=transport, base_url="http://lean.test") as client:
            headers = {"Content-Type": "application/json"}
            bodies = [b"", b"null", b"[]", b"{", b'{"name": 1, "size": "x"}', b'"\xff"', b"[" * 100_000]
            tried = [await client.put("/v1/lean/x/item?count=x", content=body, headers=headers) for body in bodies]
            tried.append(await client.get("/v1/lean/7/gone"))
            tried.append(await client.get("/v1/lean/x/gone"))
            tried.append(await client.delete("/v1/lean/x/gone"))
            tried.extend([await client.post(f"/v1/lean/{path}") for path in ("1/item", "2/item", "3/item", "5/own")])

            def joined(reply: httpx.Response) -> list[tuple[bytes, bytes]]:
                # Nothing has no type; FastAPI names one all the same.
                return sorted(item for item in reply.headers.raw if reply.content or item[0] != b"content-type")

            answers.append([(reply.status_code, reply.content, joined(reply)) for reply in tried])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [("1/item", 201, b'{"number":1}'), ("2/item", 200, b'{"number":2}'), ("3/item", 204, b""), ("4/item", 500, None)],
)
async def test_what_is_set_on_the_response_is_joined(
    client: httpx.AsyncClient, path: str, status: int, content: bytes | None
) -> None:
    reply = await client.post(f"/v1/lean/{path}")
    assert reply.status_code == status
    if content is None:
        assert "location" not in reply.headers
        return
    assert reply.content == content
    marks = [reply.headers[name] for name in ("location", "x-marked", "x-both")]
    assert marks == [f"/v1/lean/{path[0]}", "by a dependency", "second"]
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [("", 200, (1, None)), ("word=a", 200, (1, "a")), ("least=4", 200, (4, None)), ("least=0", 422, None)],
)
async def test_a_class_of_parameters(
    client: httpx.AsyncClient, query: str, status: int, expected: tuple[int, str | None] | None
) -> None:
    reply = await client.get(f"/v1/lean/1/filtered?{query}")
    assert reply.status_code == status
    assert expected is None or (reply.json()["least"], reply.json()["word"]) == expected


async def test_an_answer_of_its_own_stands(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/lean/7/own")
    assert (reply.status_code, reply.content, reply.headers["x-own"]) == (203, b"7", "yes")
    assert "x-marked" not in reply.headers


async def test_an_answer_that_is_cut_is_left_to_fastapi(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/lean/3/sparse")).json() == {"kept": 3}


async def test_a_form_is_left_to_fastapi(client: httpx.AsyncClient) -> None:
    reply = await client.put("/v1/lean/3/form", data={"name": "a"})
    assert reply.json() == {"number": 3, "name": "a"}


def test_the_table_knows_methods_and_whole_paths() -> None:
    table = RouteTable(router.routes)

    def found(method: str, path: str) -> str | None:
        route = table.find({"type": "http", "method": method, "path": path, "root_path": ""})
        return route.path_format if route else None

    assert found("GET", "/v1/lean") == "/v1/lean"
    assert found("PUT", "/v1/lean/5/item") == "/v1/lean/{number}/item"
    assert [found("POST", "/v1/lean"), found("GET", "/v1/lean/"), found("GET", "/v1"), found("GET", "")] == [None] * 4


def test_the_table_finds_what_comes_first_on_the_way_through_all(settings: Settings) -> None:
    routes = create_app(settings).router.routes
    table = RouteTable(routes)
    known = [route for route in routes if isinstance(route, ApiRoute) and route.path_format.startswith("/v1/")]
    for route in known:
        # The second name is a route's own in some places.
        for name in ("x", "search"):
            path = re.sub("{.*?}", name, route.path_format)
            scope = {"type": "http", "method": min(route.methods or ()), "path": path, "root_path": ""}
            walked = next(one for one in routes if one.matches(scope)[0] is Match.FULL)
            assert table.find(dict(scope)) is (walked if isinstance(walked, ApiRoute) else None), scope


async def test_the_number_of_handlers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "MAX_HANDLERS", 0)
    fresh = ApiRouter(prefix="/v1/lean", tags=["lean"])
    fresh.add_api_route("", _read, dependencies=PUBLIC)
    (route,) = fresh.routes
    assert isinstance(route, APIRoute)
    handlers = lean.LeanHandlers(route)
    request: Any = type(
        "Request", (), {"query_params": {"wide": "x"}, "headers": {}, "scope": {"query_string": b"x"}}
    )()
    assert handlers.handler_for(request) is handlers._full is not None
    assert not handlers._handlers
