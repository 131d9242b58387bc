"""Paths that hold a secret: neither a problem nor a line of a log shows it."""

from collections.abc import Iterable
from typing import Any, Final

from starlette.requests import Request

# Parameters of paths that let somebody in.
SECRETS: Final = ("routing_key", "link")
_HIDDEN = "***"


class SecretPaths:
    """What comes before a secret, of an application's routes; also where no route takes the method or the key."""

    def __init__(self, routes: Iterable[Any]) -> None:
        marks = [f"{{{name}}}" for name in SECRETS]
        paths = [getattr(route, "path", "") for route in routes]
        self._prefixes = tuple({path.partition(mark)[0] for path in paths for mark in marks if mark in path})

    def shown(self, path: str) -> str:
        """The path with all that follows hidden."""
        found = next((prefix for prefix in self._prefixes if path.startswith(prefix) and path != prefix), None)
        return path if found is None else found + _HIDDEN


def shown_path(request: Request) -> str:
    """Of a request, for whoever reads the answer or the log."""
    path: str = request.scope["path"]
    app = request.scope.get("app")
    secret: SecretPaths | None = getattr(app.state, "secret_paths", None) if app is not None else None
    return path if secret is None else secret.shown(path)
