"""One served product for all that leave others' tickets alone; `tests/fixtures/scheduling.py` says in which order."""

import os
from collections.abc import Iterator

import pytest

from tests.end_to_end.served import Served, served

# As large as the largest file that passes through.
MAX_ATTACHMENT_BYTES = int(os.environ.get("HELPDESK_E2E_FILE_MB", "64")) * 1024 * 1024


@pytest.fixture(scope="package")
def product() -> Iterator[Served]:
    """As it is started by anybody, but for limits: all of these tests come from one address, and some take minutes. It
    ends with the last of them: idle, it would take its part of a core until all others are done."""
    with served(
        HELPDESK_OUTBOUND_NETWORKS="127.0.0.0/8",
        HELPDESK_SIGN_IN_ATTEMPTS="1000",
        HELPDESK_RATE_LIMIT_PER_MINUTE="1000000",
        HELPDESK_ACCESS_TOKEN_SECONDS="3600",
        HELPDESK_MAX_ATTACHMENT_BYTES=str(MAX_ATTACHMENT_BYTES),
    ) as running:
        yield running
