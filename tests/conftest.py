"""Fixtures of every test; see `tests/fixtures` and `tests/factories`."""

import os
from pathlib import Path

from tests.factories.records import (
    a_category,
    a_team,
    a_ticket,
    a_user,
    an_organization,
)
from tests.fixtures.clients import (
    admin_client,
    agent_client,
    app,
    as_user,
    client,
    requester_client,
    settings,
    supervisor_client,
    wired,
)
from tests.fixtures.database import (
    _engine,
    _own_doors,
    _own_pristine,
    database,
    own_database,
    server_url,
    shared_url,
)
from tests.fixtures.scheduling import (
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.fixtures.server import pytest_configure_node, pytest_unconfigure
from tests.fixtures.workers import start_worker

# No test calls anything that a certificate authority of the world has signed, and httpx would read all of theirs for
# each client: a twentieth of a second of a core.
os.environ.setdefault("SSL_CERT_DIR", str(Path(__file__).parent))

__all__ = [
    "_engine",
    "_own_doors",
    "_own_pristine",
    "a_category",
    "a_team",
    "a_ticket",
    "a_user",
    "admin_client",
    "agent_client",
    "an_organization",
    "app",
    "as_user",
    "client",
    "database",
    "own_database",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure_node",
    "pytest_unconfigure",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
    "requester_client",
    "server_url",
    "settings",
    "shared_url",
    "start_worker",
    "supervisor_client",
    "wired",
]
