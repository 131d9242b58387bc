"""Where we call: refused when a webhook or a policy's ladder is written, as it would be when it is called."""

from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.integrations.http.protocol import AddressRefused
from helpdesk_api.web.errors import WebhookUrlRefused

_reachable = Reachable()


def use_reachable(reachable: Reachable) -> None:
    """Called once by the process."""
    global _reachable  # noqa: PLW0603 - one configuration per process
    _reachable = reachable


def check_address(url: str, pointer: str) -> None:
    """Raises `webhook_url_refused`."""
    try:
        _reachable.check_url(url)
    except AddressRefused as refusal:
        message = f"{str(refusal).capitalize()}."
        raise WebhookUrlRefused(message, pointer=pointer) from refusal
