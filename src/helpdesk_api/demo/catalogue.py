"""What the demo organisation's desk looks after, and how new tickets find their way."""

from dataclasses import dataclass
from typing import Any

from helpdesk_api.domains.categories.enums import Priority


@dataclass(frozen=True, slots=True)
class DemoCategory:
    """`team` is the one that gets its new tickets; a category without one takes its parent's."""

    key: str
    name: str
    parent: str | None = None
    team: str | None = None
    default_priority: Priority | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class DemoRule:
    """A routing rule in the words of `POST /v1/routing-rules`, with keys in place of ids."""

    name: str
    conditions: dict[str, Any]
    category: str | None = None
    team: str | None = None
    priority: Priority | None = None
    add_tags: tuple[str, ...] = ()
    stops: bool = False


# Parents come before their children; the order is the order on the screen.
CATEGORIES = (
    DemoCategory("accounts", "Accounts and access", team="desk", default_priority=Priority.MEDIUM),
    DemoCategory("sign-in", "Password and sign-in", "accounts", description="Forgotten, locked, expired."),
    DemoCategory("permissions", "Permissions", "accounts", description="Folders, programs, shared mailboxes."),
    DemoCategory("joiners", "Joiners and leavers", "accounts", description="First and last day of a colleague."),
    DemoCategory("mail", "Mail and calendar", team="desk", default_priority=Priority.MEDIUM),
    DemoCategory("mailboxes", "Mailboxes", "mail"),
    DemoCategory("calendars", "Shared calendars and rooms", "mail", default_priority=Priority.LOW),
    DemoCategory("devices", "Devices", team="workplace", default_priority=Priority.MEDIUM),
    DemoCategory("laptops", "Laptops and desktops", "devices"),
    DemoCategory("phones", "Telephones and tablets", "devices"),
    DemoCategory("printers", "Printers and scanners", "devices"),
    DemoCategory("accessories", "Screens and accessories", "devices", default_priority=Priority.LOW),
    DemoCategory("software", "Software", team="workplace", default_priority=Priority.LOW),
    DemoCategory("office", "Office programs", "software"),
    DemoCategory("licences", "Installation and licences", "software"),
    DemoCategory("network", "Network", team="network", default_priority=Priority.MEDIUM),
    DemoCategory("wifi", "Wi-Fi", "network"),
    DemoCategory("vpn", "VPN and remote access", "network"),
    DemoCategory("lines", "Lines between sites", "network", default_priority=Priority.HIGH),
    DemoCategory("security", "Security", team="network", default_priority=Priority.HIGH),
    DemoCategory("phishing", "Phishing and spam", "security"),
    DemoCategory("applications", "Business applications", team="applications", default_priority=Priority.MEDIUM),
    DemoCategory("warehouse", "Warehouse system", "applications", default_priority=Priority.HIGH),
    DemoCategory("finance", "Accounting", "applications"),
    DemoCategory("shop", "Web shop", "applications"),
)


def _any(field: str, *words: str) -> dict[str, Any]:
    return {"any": [{"field": field, "op": "contains", "value": word} for word in words]}


# The first rule that sets a field decides it, so the urgent ones come first.
RULES = (
    DemoRule(
        "Suspicious mail goes to security",
        _any("subject", "phishing", "suspicious mail", "verdächtige mail"),
        category="phishing",
        priority=Priority.HIGH,
        add_tags=("security",),
        stops=True,
    ),
    DemoRule(
        "A standing warehouse is critical",
        {
            "all": [
                {"field": "affected_service", "op": "contains", "value": "warehouse system"},
                {"field": "impact", "op": "eq", "value": "high"},
            ]
        },
        category="warehouse",
        priority=Priority.CRITICAL,
        add_tags=("warehouse-down",),
    ),
    DemoRule(
        "Alerts of the line monitoring",
        {"field": "channel", "op": "eq", "value": "monitoring"},
        category="lines",
        add_tags=("alert",),
    ),
    DemoRule("VPN and remote access", _any("subject", "vpn", "remote access"), category="vpn", add_tags=("vpn",)),
    DemoRule("Wi-Fi", _any("subject", "wi-fi", "wlan"), category="wifi"),
    DemoRule(
        "Passwords and locked accounts",
        _any("subject", "password", "passwort", "kennwort", "locked out"),
        category="sign-in",
    ),
    DemoRule("Printers", _any("subject", "printer", "drucker", "scanner"), category="printers"),
    DemoRule("Month-end stays on time", _any("tags", "month-end"), category="finance", priority=Priority.HIGH),
)
