"""Who the demo organisation is: three companies of one group, their people, and the teams that help them."""

from dataclasses import dataclass

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.demo_accounts import MAIL_DOMAIN


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    key: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """`key` is what stories call them, and with the domain their address."""

    key: str
    name: str
    organization: str
    role: Role = Role.REQUESTER
    department: str = ""
    location: str = ""
    phone: str | None = None
    manager: str | None = None
    time_zone: str = "Europe/London"
    locale: str = "en"
    sees_organization: bool = False
    open_limit: int | None = None
    away_days: int | None = None

    @property
    def email(self) -> str:
        return f"{self.key}@{MAIL_DOMAIN}"


@dataclass(frozen=True, slots=True)
class DemoTeam:
    key: str
    name: str
    description: str
    members: tuple[str, ...]
    leads: tuple[str, ...]


ORGANIZATIONS = (
    DemoOrganization("foods", "Tarnwick Foods", "The bakery and its shops; head office in Tarnwick."),
    DemoOrganization("freight", "Tarnwick Freight", "Warehouses and lorries, day and night."),
    DemoOrganization("gmbh", "Tarnwick Backwaren GmbH", "Das Werk in Niederahlen und sein Versand."),
)

_BERLIN = "Europe/Berlin"

# Managers come before those whose manager they are.
PEOPLE = (
    DemoPerson("edda", "Edda Norling", "foods", Role.ADMIN, "IT", "Tarnwick, head office", "+44 1632 960101"),
    DemoPerson(
        "ruth",
        "Ruth Okoro",
        "foods",
        Role.SUPERVISOR,
        "IT",
        "Tarnwick, head office",
        "+44 1632 960102",
        "edda",
        open_limit=0,
    ),
    DemoPerson(
        "stefan",
        "Stefan Mollwitz",
        "gmbh",
        Role.SUPERVISOR,
        "IT",
        "Niederahlen, Verwaltung",
        None,
        "edda",
        _BERLIN,
        "de",
        open_limit=0,
    ),
    DemoPerson("mika", "Mika Saarela", "foods", Role.AGENT, "IT", "Tarnwick, head office", None, "ruth"),
    DemoPerson("priya", "Priya Venkat", "foods", Role.AGENT, "IT", "Tarnwick, head office", None, "ruth"),
    DemoPerson(
        "hannah",
        "Hannah Weißgerber",
        "gmbh",
        Role.AGENT,
        "IT",
        "Niederahlen, Verwaltung",
        None,
        "stefan",
        _BERLIN,
        "de",
        open_limit=8,
    ),
    DemoPerson("diego", "Diego Arrayán", "freight", Role.AGENT, "IT", "Coldmere depot", None, "stefan"),
    DemoPerson("farid", "Farid Halabi", "freight", Role.AGENT, "IT", "Coldmere depot", None, "stefan"),
    DemoPerson(
        "yuki",
        "Yuki Tanemura",
        "foods",
        Role.AGENT,
        "IT",
        "Tarnwick, head office",
        None,
        "stefan",
        open_limit=5,
    ),
    DemoPerson(
        "colm",
        "Colm Brannock",
        "foods",
        Role.AGENT,
        "IT",
        "Tarnwick, head office",
        None,
        "ruth",
        away_days=6,
    ),
    DemoPerson(
        "leila",
        "Leila Marchetto",
        "foods",
        department="Marketing",
        location="Tarnwick, head office",
        phone="+44 1632 960120",
        sees_organization=True,
    ),
    DemoPerson(
        "nora",
        "Nora Fairling",
        "foods",
        department="Finance",
        location="Tarnwick, head office",
        phone="+44 1632 960121",
        manager="leila",
    ),
    DemoPerson(
        "greta",
        "Greta Lindhagen",
        "foods",
        department="Human resources",
        location="Tarnwick, head office",
        manager="leila",
    ),
    DemoPerson(
        "amara",
        "Amara Osewe",
        "freight",
        department="Sales",
        location="Coldmere depot",
        sees_organization=True,
    ),
    DemoPerson(
        "tomasz",
        "Tomasz Wronka",
        "freight",
        department="Warehouse",
        location="Coldmere depot, hall 2",
        manager="amara",
    ),
    DemoPerson(
        "jonas",
        "Jonas Kellerhoff",
        "gmbh",
        department="Produktion",
        location="Niederahlen, Halle 1",
        time_zone=_BERLIN,
        locale="de",
        sees_organization=True,
    ),
    DemoPerson(
        "oskar",
        "Oskar Brandeis",
        "gmbh",
        department="Versand",
        location="Niederahlen, Rampe",
        manager="jonas",
        time_zone=_BERLIN,
        locale="de",
    ),
)

# A program with rights of its own: it reports what it measures, under the name that stories use.
MONITORING = "monitoring"
MONITORING_NAME = "Line monitoring"

TEAMS = (
    DemoTeam(
        "desk",
        "Service Desk",
        "First to answer: accounts, mail, and whatever has no other team.",
        ("mika", "priya", "colm"),
        ("ruth",),
    ),
    DemoTeam(
        "workplace",
        "Workplace",
        "Laptops, telephones, printers, and the programs on them.",
        ("hannah", "mika"),
        ("ruth",),
    ),
    DemoTeam(
        "network",
        "Network and Security",
        "Lines, Wi-Fi, remote access, and attacks on any of them.",
        ("diego", "farid"),
        ("stefan",),
    ),
    DemoTeam(
        "applications",
        "Business Applications",
        "The warehouse system, the accounts, the shop and the figures.",
        ("yuki", "priya"),
        ("stefan",),
    ),
)
