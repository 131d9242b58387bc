"""Passes over the operations: parameters, bodies, answers, errors and security, each read off the operation's route."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from helpdesk_api.authorization.dependencies import Public, RequiresPermission
from helpdesk_api.authorization.errors import MissingCredentials, MissingScope
from helpdesk_api.web import errors, idempotency
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.json_bodies import NumberTooLarge, RepeatedName
from helpdesk_api.web.openapi.headers import header_references
from helpdesk_api.web.openapi.nodes import ContractError, Json, resolve
from helpdesk_api.web.openapi.vocabulary import (
    MERGE_PATCH_MEDIA,
    problem_classes,
    response_name,
    shared_responses,
)
from helpdesk_api.web.preconditions import read_if_match
from helpdesk_api.web.rate_limit import RateLimited
from helpdesk_api.web.requests import AddressNotUtf8, RepeatedParameter, UnknownParameter
from helpdesk_api.web.routing import ApiRoute, IdempotencyNotSupported

_WRITES = frozenset({"post", "put", "patch", "delete"})
_HEADER_NAMES = {"if-match": "If-Match", "last-event-id": "Last-Event-ID"}
_STAYS_LOCAL = ("x-codes", "x-no-idempotency", "x-etag", "x-content-location", "x-streamed-body", "x-late-claim")
_CREATED, _ACCEPTED, _NO_CONTENT, _NOT_MODIFIED = 201, 202, 204, 304


class Operation:
    """One operation of the document with the route that it came from."""

    def __init__(self, path: str, method: str, node: Json, route: APIRoute, schemas: Json) -> None:
        self.path, self.method, self.node, self.route = path, method, node, route
        self._schemas = schemas

    @property
    def place(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def guard(self) -> RequiresPermission | Public | None:
        return self.route.guard if isinstance(self.route, ApiRoute) else None

    @property
    def is_public(self) -> bool:
        return isinstance(self.guard, Public)

    @property
    def takes_key(self) -> bool:
        return isinstance(self.route, ApiRoute) and self.route.takes_idempotency_key

    @property
    def has_body(self) -> bool:
        return "requestBody" in self.node

    @property
    def success(self) -> str:
        return next(str(status) for status in self.node["responses"] if status.startswith("2"))

    @property
    def success_schema(self) -> Json:
        content = self.node["responses"][self.success].get("content", {}).get("application/json", {})
        return resolve(self._schemas, content.get("schema", {}))

    @property
    def is_page(self) -> bool:
        properties: Json = self.success_schema.get("properties", {})
        return {"data", "next_cursor"} <= properties.keys()

    def depends_on(self, call: Any) -> bool:
        return any(dependant.call is call for dependant in _dependants(self.route.dependant))

    @property
    def is_conditional(self) -> bool:
        return self.depends_on(read_if_match)

    def answers_etag(self, single_records: set[str]) -> bool:
        """A record read, made or changed on its own carries its version; `x-etag` on the route says otherwise."""
        said = (self.route.openapi_extra or {}).get("x-etag")
        if said is not None:
            return bool(said)
        if self.success == str(_NO_CONTENT):
            return False
        if self.method == "get":
            return self.path in single_records
        if self.method == "post" and not self.is_conditional:
            return (
                self.takes_key
                and self.success == str(_CREATED)
                and any(
                    record.startswith(f"{self.path}/{{") and record.count("/") == self.path.count("/") + 1
                    for record in single_records
                )
            )
        return self.is_conditional


def _dependants(root: Dependant) -> Iterator[Dependant]:
    yield root
    for child in root.dependencies:
        yield from _dependants(child)


def single_records(found: list[Operation]) -> set[str]:
    """Paths of the GETs that answer one record: named by an id, or changed at the same place with `If-Match`."""
    changed = {operation.path for operation in found if operation.is_conditional and operation.method != "post"}
    records = set()
    for operation in found:
        said = (operation.route.openapi_extra or {}).get("x-etag")
        one = (operation.path.endswith("}") or operation.path in changed) and not operation.is_page
        if operation.method == "get" and (said or (said is None and one)):
            records.add(operation.path)
    return records


def shape_operations(found: list[Operation]) -> None:
    """All passes over each operation, in place."""
    records = single_records(found)
    declared = {code for operation in found for codes in _declared_codes(operation).values() for code in codes}
    for operation in found:
        if operation.guard is None:
            message = f"{operation.place} names neither a permission nor a reason to be public"
            raise ContractError(message)
        has_etag = operation.answers_etag(records)
        _describe(operation)
        _shape_parameters(operation, has_etag=has_etag)
        codes = _codes(operation, declared)
        _shape_body(operation)
        _shape_answers(operation, codes, has_etag=has_etag)
        _secure(operation)
        for name in _STAYS_LOCAL:
            operation.node.pop(name, None)
        operation.node["x-error-codes"] = {str(status): codes[status] for status in sorted(codes)}


def _describe(operation: Operation) -> None:
    node, guard = operation.node, operation.guard
    text = " ".join(node.get("description", "").split("\n\n")[0].split()) or f"{node['summary'].rstrip('.')}."
    rest = node.get("description", "").split("\n\n")[1:]
    paragraphs = [text, *rest]
    if isinstance(guard, RequiresPermission) and guard.permission is not None:
        paragraphs.append(f"Needs the scope `{guard.permission}`.")
    node["description"] = "\n\n".join(paragraphs)


def _shape_parameters(operation: Operation, *, has_etag: bool) -> None:
    parameters = operation.node.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "header":
            parameter["name"] = _HEADER_NAMES.get(parameter["name"].lower(), parameter["name"])
    if operation.takes_key:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if operation.method == "get" and has_etag:
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
    if not parameters:
        del operation.node["parameters"]


def _shape_body(operation: Operation) -> None:
    body = operation.node.get("requestBody")
    if body is None:
        return
    body.setdefault("required", False)
    content = body["content"]
    if operation.method == "patch" and "application/json" in content:
        body["content"] = {
            MERGE_PATCH_MEDIA: dict(content["application/json"]),
            **content,
        }


def _shape_answers(operation: Operation, codes: dict[int, list[str]], *, has_etag: bool) -> None:
    node = operation.node
    answers: Json = {}
    for status, answer in node["responses"].items():
        if status.startswith("2"):
            answers[status] = {
                "description": _success_text(operation, answer),
                "headers": header_references(*_success_headers(operation, status, has_etag=has_etag)),
                **{key: answer[key] for key in ("content", "links") if key in answer},
            }
        elif status.startswith("3"):
            answers[status] = {
                "description": answer["description"],
                "headers": {
                    **header_references(),
                    "Location": {"$ref": "#/components/headers/RedirectLocation"},
                },
            }
        elif answer.get("content"):
            # An answer in a foreign form (RFC 6749) stays as its route declares it, beside our own.
            answers[status] = _foreign_answer(status, answer)
    if operation.method == "get" and has_etag:
        place = ["Content-Location"] if (operation.route.openapi_extra or {}).get("x-content-location") else []
        answers[str(_NOT_MODIFIED)] = {
            "description": "It is still what the caller holds.",
            "headers": header_references("ETag", *place),
        }
    for status in sorted(codes):
        told = ", ".join(f"`{code}`" for code in codes[status])
        answers.setdefault(
            str(status),
            {
                "$ref": f"#/components/responses/{response_name(status)}",
                "description": f"Codes: {told}.",
            },
        )
    for answer in answers.values():
        answer.pop("x-codes", None)
    node["responses"] = {status: answers[status] for status in sorted(answers)}


def _foreign_answer(status: str, answer: Json) -> Json:
    shared = shared_responses()[response_name(int(status))]
    return {**answer, "headers": shared["headers"], "content": {**answer["content"], **shared["content"]}}


def _success_text(operation: Operation, answer: Json) -> str:
    if answer.get("description") not in {None, "", "Successful Response"}:
        return str(answer["description"])
    return {
        _CREATED: "Made.",
        _ACCEPTED: "Taken; it is being done.",
        _NO_CONTENT: "Done; there is nothing to say.",
    }.get(int(operation.success), "Done." if operation.method != "get" else "Here it is.")


def _success_headers(operation: Operation, status: str, *, has_etag: bool) -> list[str]:
    names = ["ETag"] if has_etag else []
    # Everything that is made has a place, but for tokens: they take no idempotency key and have no id.
    has_place = operation.takes_key or "id" in operation.success_schema.get("properties", {})
    if status == str(_CREATED) and operation.method == "post" and has_place:
        names.append("Location")
    if status == str(_ACCEPTED) and operation.success_schema:
        names += ["Location", "Retry-After"]
    if (operation.route.openapi_extra or {}).get("x-content-location"):
        names.append("Content-Location")
    if operation.is_page:
        names.append("Link")
    if operation.takes_key:
        names.append("Idempotency-Replayed")
    return names


def _secure(operation: Operation) -> None:
    guard = operation.guard
    if isinstance(guard, RequiresPermission):
        scopes = [str(guard.permission)] if guard.permission is not None else []
        operation.node["security"] = [{"oauth2": scopes}, {"bearer": []}]
    else:
        operation.node["security"] = [{}]


def _declared_codes(operation: Operation) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for status, answer in operation.route.responses.items():
        if "x-codes" in answer:
            found[int(status)] = list(answer["x-codes"])
    return found


def _codes(operation: Operation, declared: set[str]) -> dict[int, list[str]]:
    """Every code that the operation can answer, by status: what surrounds every route, then what it declares."""
    kinds: list[type[errors.ProblemError]] = [
        errors.ProblemError,
        errors.ServiceUnavailable,
        RateLimited,
        *_codes_of_caller(operation, declared),
        *_codes_of_request(operation),
    ]
    found: defaultdict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        found[kind.status].append(kind.code)
    for status, codes in _declared_codes(operation).items():
        found[status] += [code for code in codes if code not in found[status]]
    return dict(found)


def _codes_of_caller(operation: Operation, declared: set[str]) -> list[type[errors.ProblemError]]:
    guard = operation.guard
    if not isinstance(guard, RequiresPermission):
        # Proxies may ask for credentials in front of a public route too, so every operation documents the answer.
        return [errors.Unauthenticated]
    # A refusal of identity that no route declares is one that every authenticated route can meet.
    everywhere = [
        kind
        for kind in problem_classes().values()
        if issubclass(kind, errors.Unauthenticated)
        and kind not in {errors.Unauthenticated, MissingCredentials}
        and kind.code not in declared
    ]
    return [
        MissingCredentials,
        *everywhere,
        *([MissingScope] if guard.permission is not None else []),
    ]


def _codes_of_parameters(parameters: list[Json]) -> list[type[errors.ProblemError]]:
    kinds: list[type[errors.ProblemError]] = [UnknownParameter, RepeatedParameter]
    places = {parameter.get("in") for parameter in parameters}
    if parameters:
        kinds.append(AddressNotUtf8)
    if any(parameter.get("name") == "cursor" for parameter in parameters):
        kinds.append(InvalidCursor)
    if "path" in places:
        kinds.append(errors.NotFound)
    return kinds


def _codes_of_request(operation: Operation) -> list[type[errors.ProblemError]]:
    parameters = operation.node.get("parameters", [])
    kinds = _codes_of_parameters(parameters)
    if operation.has_body:
        kinds += [
            errors.MalformedJson,
            NumberTooLarge,
            RepeatedName,
            errors.PayloadTooLarge,
            errors.UnsupportedMediaType,
        ]
    if operation.takes_key:
        kinds += [
            idempotency.InvalidIdempotencyKey,
            idempotency.IdempotencyInProgress,
            idempotency.IdempotencyKeyReused,
        ]
    elif operation.method in {"post", "patch"}:
        kinds.append(IdempotencyNotSupported)
    if operation.method in _WRITES:
        kinds.append(errors.LockTimeout)
    if operation.is_conditional:
        kinds.append(errors.PreconditionFailed)
    if parameters or operation.has_body:
        kinds.append(errors.ValidationFailed)
    return kinds
