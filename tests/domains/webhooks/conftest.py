import ipaddress
from collections.abc import Iterator
from dataclasses import replace

import pytest

from helpdesk_api.domains.webhooks.settings import settings, use_settings
from helpdesk_api.integrations.http.addresses import Reachable
from tests.domains.webhooks.receiver import LOOPBACK


@pytest.fixture
def loopback() -> Iterator[None]:
    """Webhooks may go to this machine."""
    before = settings()
    use_settings(replace(before, reachable=Reachable([ipaddress.ip_network(LOOPBACK)])))
    yield
    use_settings(before)
