"""Builds the document from the application's routes, and writes it down always in the same way."""

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from threading import Lock

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

from helpdesk_api.web.openapi import vocabulary
from helpdesk_api.web.openapi.events import event_types, publish_events
from helpdesk_api.web.openapi.examples import add_examples
from helpdesk_api.web.openapi.headers import SHARED_HEADERS, SHARED_PARAMETERS, WEBHOOK_PARAMETERS
from helpdesk_api.web.openapi.links import add_links
from helpdesk_api.web.openapi.nodes import METHODS, SCHEMAS, ContractError, Json, operations
from helpdesk_api.web.openapi.operations import Operation, shape_operations
from helpdesk_api.web.openapi.schemas import shape_schemas
from helpdesk_api.web.routing import OTHER_FORMS, ApiRoute, ApiRouter

_making = Lock()
# By identity: the routes and events are those of the process, and whatever is kept here keeps them alive.
_made: dict[tuple[int, ...], tuple[list[object], bytes]] = {}


def build_document(app: FastAPI) -> Json:
    """The OpenAPI 3.1 document of these routes, for the caller to keep. Raises ContractError for a route that cannot
    be published."""
    document: Json = json.loads(document_bytes(app))
    return document


def document_bytes(app: FastAPI) -> bytes:
    """The same as it is checked in and served. Seconds of work, done once a process; blocking."""
    parts = [route for route in app.router.routes if isinstance(route, APIRoute) and route.include_in_schema]
    described = [*parts, *getattr(app.state, "event_types", ())]
    key = tuple(map(id, described))
    with _making:
        if key not in _made:
            _made[key] = (described, render(_build(app)))
        return _made[key][1]


def _build(app: FastAPI) -> Json:
    routes = app.router.routes
    generated = get_openapi(title="", version="", openapi_version="3.1.0", routes=routes)
    by_operation = {
        (route.path_format, method.lower()): route
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    document: Json = {
        "openapi": "3.1.0",
        "info": vocabulary.INFO,
        "servers": vocabulary.SERVERS,
        "tags": _tags(routes),
        "paths": _in_order(generated["paths"]),
        "components": {"schemas": generated.get("components", {}).get("schemas", {})},
    }
    _add_uploads(document, by_operation)
    _add_other_forms(document, by_operation)
    shape_schemas(document)
    schemas = document["components"]["schemas"]
    found = [
        Operation(path, method, node, by_operation[path, method], schemas)
        for path, method, node in operations(document)
    ]
    _refuse_repeated_ids(found)
    shape_operations(found)
    schemas.update(vocabulary.problem_schemas())
    document["components"] = {
        "schemas": dict(sorted(schemas.items())),
        "parameters": deepcopy({**SHARED_PARAMETERS, **WEBHOOK_PARAMETERS}),
        "headers": deepcopy(SHARED_HEADERS),
        "responses": vocabulary.shared_responses(),
        "securitySchemes": vocabulary.security_schemes(),
    }
    publish_events(document, event_types(getattr(app.state, "event_types", ())))
    add_links(document)
    add_examples(document, [(operation.place, operation.node) for operation in found])
    _drop_unused(document)
    return document


def render(document: Json) -> bytes:
    """The bytes that are checked in and served."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _add_other_forms(document: Json, by_operation: Mapping[tuple[str, str], APIRoute]) -> None:
    schemas = document["components"]["schemas"]
    for path, method, node in operations(document):
        forms: Mapping[str, type[BaseModel]] = getattr(by_operation[path, method].endpoint, OTHER_FORMS, {})
        for media, model in forms.items():
            schema = model.model_json_schema(mode="serialization", ref_template=SCHEMAS + "{model}")
            for name, inner in schema.pop("$defs", {}).items():
                schemas.setdefault(name, inner)
            schemas[model.__name__] = schema
            node["responses"]["200"]["content"][media] = {"schema": {"$ref": SCHEMAS + model.__name__}}


def _add_uploads(document: Json, by_operation: Mapping[tuple[str, str], APIRoute]) -> None:
    """A body that is read as a stream has no parameter that FastAPI could publish."""
    for path, method, node in operations(document):
        route = by_operation[path, method]
        if isinstance(route, ApiRoute) and route.streams_body:
            schema = {"$ref": f"{SCHEMAS}FileUpload"}
            node["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
            document["components"]["schemas"]["FileUpload"] = deepcopy(vocabulary.FILE_UPLOAD)


def _in_order(paths: Json) -> Json:
    """By path, then by method: the order of routes in the source is no part of the contract."""
    return {
        path: {method: paths[path][method] for method in METHODS if method in paths[path]} for path in sorted(paths)
    }


def _tags(routes: Sequence[BaseRoute]) -> list[Json]:
    """Each tag is described by its router, else by the package of its first route: a new domain brings its words."""
    tags: dict[str, Json] = {}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for tag in route.tags:
                tags.setdefault(str(tag), {"name": str(tag), "description": _about(route, str(tag))})
    return [tags[name] for name in sorted(tags)]


def _about(route: APIRoute, tag: str) -> str:
    if tag in ApiRouter.ABOUT:
        return ApiRouter.ABOUT[tag]
    module = sys.modules[route.endpoint.__module__]
    is_domain = (module.__package__ or "").partition(".domains.")[2]
    domains_own = inspect.getdoc(sys.modules[str(module.__package__)]) if is_domain else None
    text = domains_own or inspect.getdoc(module)
    if not text:
        message = f"{module.__package__} needs a docstring: it describes the tag of its operations"
        raise ContractError(message)
    return text.split("\n\n")[0].replace("\n", " ")


def _refuse_repeated_ids(found: list[Operation]) -> None:
    seen: dict[str, str] = {}
    for operation in found:
        name = operation.node["operationId"]
        if not name.isalnum() or not name[0].islower():
            message = f"{operation.place}: `{name}` is not a camelCase operation id; set operation_id on the route"
            raise ContractError(message)
        if name in seen:
            message = f"{operation.place} and {seen[name]} are both called {name}"
            raise ContractError(message)
        seen[name] = operation.place


def _drop_unused(document: Json) -> None:
    """Shared parts that nothing refers to: linters count them as mistakes, and they are."""
    for kind in ("parameters", "responses", "headers", "schemas"):
        kept = document["components"][kind]
        while True:
            text = json.dumps(document)
            unused = [name for name in kept if f'"#/components/{kind}/{name}"' not in text]
            if not unused:
                break
            for name in unused:
                del kept[name]
        if not kept:
            del document["components"][kind]
