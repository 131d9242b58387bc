"""What no reviewer should have to look for."""

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import DateTime

from helpdesk_api import wiring
from helpdesk_api.authorization.dependencies import Public
from helpdesk_api.database.base import Base
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.routers import ROUTERS
from helpdesk_api.web.errors import ProblemError, every_code
from helpdesk_api.web.routing import ApiRoute

SOURCE = Path(wiring.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MAX_MODULE, MAX_FUNCTION = 400, 50
COMMITTERS = {"database/session.py"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc"}
_LOOKED_AT = ast.Call | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef
# The one list of what needs no sign-in; the reason stands on each route.
PUBLIC_PATHS = {
    "/asyncapi.json",
    "/livez",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/openapi.json",
    "/docs",
    "/docs/{asset}",
    "/v1/meta",
    "/v1/problems",
    "/problems/{code}",
    "/v1/sessions",
    "/v1/sessions/refresh",
    "/v1/oauth/token",
    "/v1/password-resets",
    "/v1/password-resets/confirm",
    "/v1/alert-intake",
    "/v1/alert-intake/{routing_key}",
    "/v2/change/enqueue",
    "/v2/alerts/requests/{request_id}",
    "/v2/enqueue",
    "/v2/alerts",
    "/v2/alerts/{identifier}/close",
    "/v2/alerts/{identifier}/acknowledge",
    "/v1/files/{link}",
    "/v1/public/articles",
    "/v1/public/articles/{article_id}",
    "/v1/public/articles/{article_id}/attachments",
    "/v1/public/attachments/{attachment_id}/download",
}


@cache
def trees() -> list[tuple[str, Sequence[ast.AST]]]:
    """Of each module all nodes that these tests look at, walked once."""
    found: list[tuple[str, Sequence[ast.AST]]] = []
    for path in FILES:
        nodes = ast.walk(ast.parse(path.read_text()))
        found.append((str(path.relative_to(SOURCE)), [node for node in nodes if isinstance(node, _LOOKED_AT)]))
    return found


def routes() -> list[ApiRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, ApiRoute)]


def test_only_the_session_commits() -> None:
    found = {
        name
        for name, nodes in trees()
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert found == COMMITTERS


def test_every_route_is_ours_and_names_its_permission() -> None:
    assert routes()
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, ApiRoute), route
            assert route.guard is not None, f"{route.methods} {route.path} lets anybody in"


def test_public_routes_are_the_listed_ones() -> None:
    public = {route.path for route in routes() if isinstance(route.guard, Public)}
    assert public <= PUBLIC_PATHS, public - PUBLIC_PATHS
    assert all(route.guard.reason for route in routes() if isinstance(route.guard, Public))


def test_operation_ids_are_unique() -> None:
    ids = [route.operation_id for route in routes() if route.include_in_schema]
    assert None not in ids
    assert len(ids) == len(set(ids))


def test_codes_are_unique_and_each_is_declared() -> None:
    classes: dict[str, set[type[ProblemError]]] = {}
    stack: list[type[ProblemError]] = [ProblemError]
    while stack:
        current = stack.pop()
        if "code" in vars(current):
            classes.setdefault(current.code, set()).add(current)
        stack.extend(current.__subclasses__())
    assert {code: kinds for code, kinds in classes.items() if len(kinds) > 1} == {}
    assert set(every_code()) == set(classes)


def test_every_event_is_wired() -> None:
    stack, leaves = [DomainEvent], []
    while stack:
        current = stack.pop()
        stack.extend(current.__subclasses__())
        if "type" in vars(current):
            leaves.append(current)
    missing = [
        event for event in leaves if event not in wiring.REACTIONS and event.__module__.startswith("helpdesk_api")
    ]
    assert missing == []
    types = [event.type for event in wiring.REACTIONS]
    assert len(types) == len(set(types))


def test_no_naive_instants() -> None:
    naive = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, DateTime) and not column.type.timezone
    ]
    assert naive == []


def test_rules_are_pure() -> None:
    for name, nodes in trees():
        if not name.endswith("rules.py"):
            continue
        for node in nodes:
            imported = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for module in imported:
                assert not module.startswith(("sqlalchemy", "fastapi", "asyncpg")), f"{name} imports {module}"
            assert not isinstance(node, ast.AsyncFunctionDef), f"{name} has an async function"


def test_tickets_are_selected_only_where_visibility_is_decided() -> None:
    """A route has no SQL; a domain above reads tickets through their policy."""
    for name, nodes in trees():
        if name.endswith("routes.py") and name.startswith("domains/"):
            imported = {
                alias.name
                for node in nodes
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
                for alias in node.names
            }
            assert not imported & {"update", "insert", "delete", "text"}, name


def test_names() -> None:
    assert [path for path in FILES if path.stem in FORBIDDEN_NAMES] == []


def test_modules_are_short() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE} == {}


def test_functions_are_short() -> None:
    too_long = [
        f"{node.name} in {name}"
        for name, nodes in trees()
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION
    ]
    assert too_long == []
