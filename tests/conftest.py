"""What every run needs; see `tests/fixtures` and `tests/factories` for what a test can ask for."""

import gc
import os
from pathlib import Path

import pytest

from tests.fixtures.forking import (
    is_dealing_out,
    pytest_configure_node,
    pytest_unconfigure,
    pytest_xdist_setupnodes,
)
from tests.fixtures.scheduling import (
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

# No test calls anything that a certificate authority of the world has signed, and httpx would read all of theirs for
# each client: a tenth of a second of a core, here and in each process of the product. This one has signed nothing.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "fixtures" / "nobody.pem")
# Imports and tests make much and drop little in circles: by default the collector takes a tenth of a run.
gc.set_threshold(50_000, 20, 50)

__all__ = [
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure_node",
    "pytest_unconfigure",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
    "pytest_xdist_setupnodes",
]


def pytest_configure(config: pytest.Config) -> None:
    """Who deals the tests out needs neither the product nor the seconds that its import takes."""
    if not is_dealing_out(config):
        from tests.fixtures import everywhere

        config.pluginmanager.register(everywhere, "fixtures of every test")
