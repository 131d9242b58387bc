"""Where a body that does not fit is said to be wrong: at places that it has, or could have; and what is no request."""

import asyncio
import json
from typing import Annotated, Any, Literal

import pytest
import uvicorn
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from uvicorn.server import ServerState

from helpdesk_api.web.errors import FieldError, MalformedJson, ValidationFailed
from helpdesk_api.web.http_protocol import ProblemProtocol
from helpdesk_api.web.json_bodies import MAX_NAMES, read_json
from helpdesk_api.web.problems import from_validation, problem_bytes

_Short = Annotated[str, StringConstraints(max_length=3)]


class _Note(BaseModel):
    text: _Short


class _Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    op: Literal["comment"]
    body: _Note


class _Close(BaseModel):
    op: Literal["close"]


class _Body(BaseModel):
    steps: list[Annotated[_Comment | _Close, Field(discriminator="op")]] = []
    values: dict[_Short, bool | _Short | list[_Short]] = {}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"steps": [{"op": "comment", "body": {"text": "long"}}]}, {"#/steps/0/body/text"}),
        ({"steps": [{"op": "close"}, {"op": "comment", "body": {}}]}, {"#/steps/1/body/text"}),
        ({"steps": [{"op": "comment"}]}, {"#/steps/0/body"}),
        ({"steps": [{"op": "comment", "body": {"text": "x"}, "a/b": 1}]}, {"#/steps/0/a~1b"}),
        ({"steps": [{"op": "other"}]}, {"#/steps/0"}),
        ({"steps": [{}]}, {"#/steps/0"}),
        ({"values": {"a": None}}, {"#/values/a"}),
        ({"values": {"a": ["x", "long"]}}, {"#/values/a", "#/values/a/1"}),
        ({"values": {"long": True}}, {"#/values/long"}),
        ([], {"#"}),
    ],
)
def test_a_pointer_leads_to_a_place_of_the_body(body: Any, pointers: set[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate(body)
    failures: Any = [{**line, "loc": ("body", *line["loc"])} for line in caught.value.errors()]
    assert {error.pointer for error in from_validation(failures, body).errors} == pointers


def test_an_object_has_so_many_names_and_no_more() -> None:
    names = [str(number) for number in range(MAX_NAMES + 1)]
    assert len(read_json(json.dumps(dict.fromkeys(names[1:])).encode())) == MAX_NAMES
    with pytest.raises(MalformedJson, match="more than 1000 names"):
        read_json(json.dumps([dict.fromkeys(names)]).encode())


def test_a_problem_names_some_of_very_many_places_and_counts_all() -> None:
    failures: Any = [{"type": "extra_forbidden", "loc": ("body", str(at)), "msg": "Not here"} for at in range(300)]
    problem = from_validation(failures, {str(at): 1 for at in range(300)})
    assert (len(problem.errors), problem.detail[:3]) == (50, "300")


@pytest.mark.parametrize(
    ("pointer", "sent"),
    [
        ("#/" + "a" * 9_998, "#/" + "a" * 9_998),
        ("#/" + "a" * 900_000, "#"),
        ("#/steps/3/" + "a" * 10_000, "#/steps/3"),
        ("#/" + "a" * 9_998 + "/b", "#/" + "a" * 9_998),
    ],
)
def test_what_is_sent_is_as_long_as_the_document_says(pointer: str, sent: str) -> None:
    error = FieldError("extra_forbidden", "x" * 20_000, pointer=pointer, parameter="p" * 20_000)
    problem = json.loads(problem_bytes(ValidationFailed("d" * 20_000, errors=[error]), "/v1/x" + "ä" * 30_000))
    (line,) = problem["errors"]
    assert line["pointer"] == sent
    assert [len(line[name]) for name in ("detail", "parameter")] == [10_000, 1_000]
    assert (len(problem["detail"]), len(problem["instance"])) == (10_000, 9_998)
    assert problem["instance"].endswith("%C3")


def test_a_long_text_that_was_sent_does_not_come_back_whole() -> None:
    body = {"steps": [{"op": "x" * 100_000}]}
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate(body)
    failures: Any = [{**line, "loc": ("body", *line["loc"])} for line in caught.value.errors()]
    (line,) = json.loads(problem_bytes(from_validation(failures, body), "/v1/x"))["errors"]
    assert line["params"]["tag"] == "x" * 200
    assert line["params"]["expected_tags"] == "'comment', 'close'"
    assert line["detail"].startswith(f"Input tag '{'x' * 200}' found using")


@pytest.mark.parametrize("name", ["expected", "expected_tags", "pattern"])
def test_what_would_fit_is_said_whole(name: str) -> None:
    said = {name: "a" * 500, "name": "b" * 500, "similar": ["c" * 500, "d"], "column": 7}
    problem = ValidationFailed(params=said, errors=[FieldError("unknown_name", "No.", params=said)])
    sent = json.loads(problem_bytes(problem, "/v1/x"))
    bounded = {name: "a" * 500, "name": "b" * 200, "similar": ["c" * 200, "d"], "column": 7}
    assert (sent["params"], sent["errors"][0]["params"]) == (bounded, bounded)


class _Line(asyncio.Transport):
    """What a connection is written, and that it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)})
        self.written = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("packets", "status", "code"),
    [
        ([b"FOO / HTTP/1.1\r\n\r\n"], b"400 Bad Request", "bad_request"),
        ([b"GET / HTTP/1.1\r\nX: a\x01b\r\n\r\n"], b"400 Bad Request", "bad_request"),
        ([b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n"], b"400 Bad Request", "bad_request"),
        (
            [b"GET / HTTP/1.1\r\n", *[b"X: " + b"a" * 30_000 + b"\r\n"] * 5],
            b"431 Request Header Fields Too Large",
            "request_head_too_large",
        ),
        ([b"GET /", *[b"a" * 30_000] * 5], b"431 Request Header Fields Too Large", "request_head_too_large"),
        (
            [b"GET /?a=" + b"a" * 65_532 + b" HTTP/1.1\r\nHost: a\r\n\r\n"],
            b"431 Request Header Fields Too Large",
            "request_head_too_large",
        ),
    ],
)
async def test_what_is_no_request_is_a_problem_too(packets: list[bytes], status: bytes, code: str) -> None:
    config = uvicorn.Config(lambda _: None, log_config=None)
    config.load()
    protocol, line = ProblemProtocol(config, ServerState(), {}), _Line()
    protocol.connection_made(line)
    for packet in packets:
        protocol.data_received(packet)
    protocol.connection_lost(None)
    head, _, body = line.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["code"], f"x-request-id: {problem['request_id']}".encode() in head) == (code, True)
    assert line.is_closed


async def test_what_comes_behind_a_body_is_no_header() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, log_config=None)
    config.load()
    protocol = ProblemProtocol(config, ServerState(), {})
    protocol.connection_made(_Line())
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    protocol.data_received(head + b"1\r\na\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    assert seen == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]
