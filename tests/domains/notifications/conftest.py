"""A service desk with people, and the mail that it would have sent."""

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.notifications.identity import use_identity
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.users.models import User
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.worker import drain
from tests.factories.records import Make


class PostOffice(FakeMail):
    """The fake transport, and the worker's rounds."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    async def round(self) -> list[EmailMessage]:
        """What goes out when everything that is due has been done."""
        before = len(self.sent)
        await drain(self._database)
        return self.sent[before:]


@pytest.fixture
def post_office(database: Database) -> PostOffice:
    office = PostOffice(database)
    delivery.use_transport(office)
    use_identity(
        "Service Desk <desk@desk.example>",
        ticket_link="https://portal.example/t/{reference}",
        password_link="https://portal.example/password?token={token}",
    )
    return office


@dataclass
class Desk:
    team: Team
    rita: User
    """The requester."""
    anna: User
    """An agent of the team."""
    ben: User
    """Another agent of the team."""


@pytest.fixture
async def desk(a_user: Make, a_team: Make) -> Desk:
    team = await a_team(name="Network")
    return Desk(
        team=team,
        rita=await a_user(name="Rita Requester", email="rita@example.test"),
        anna=await a_user(name="Anna Agent", email="anna@example.test", role=Role.AGENT, teams=[team]),
        ben=await a_user(name="Ben Agent", email="ben@example.test", role=Role.AGENT, teams=[team]),
    )


def recipients(messages: list[EmailMessage]) -> list[str]:
    return sorted(message["To"].addresses[0].addr_spec.partition("@")[0] for message in messages)


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


Acting = Callable[..., Any]
