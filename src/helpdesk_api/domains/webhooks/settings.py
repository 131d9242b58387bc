"""What the domain takes from the settings, once a process."""

from dataclasses import dataclass
from datetime import timedelta

from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.web.webhook_addresses import use_reachable


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where we are to be found, whom we call, and how long deliveries are kept."""

    public_url: str
    reachable: Reachable
    kept_for: timedelta


_settings = WebhookSettings("", Reachable(), timedelta(days=30))


def use_settings(settings: WebhookSettings) -> None:
    """Called once by the process."""
    global _settings  # noqa: PLW0603 - one configuration per process
    _settings = settings
    use_reachable(settings.reachable)


def settings() -> WebhookSettings:
    return _settings
