"""Real credentials: the application with its own authenticator, on a database with real commits."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import actions
from helpdesk_api.domains.users.models import User
from helpdesk_api.main import create_app
from tests.factories.records import make_user
from tests.fixtures.clients import client_of

PASSWORD = "a fine long password"


class Desk:
    """The served application and its people."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.app = create_app(settings, database=database)
        self.client = client_of(self.app)

    async def person(self, *, role: Role = Role.REQUESTER, **values: Any) -> User:
        user: User = await make_user(self.database, role=role, **values)
        async with self.database.session() as session:
            await actions.set_password(session, await session.get_one(User, user.id), PASSWORD)
        return user

    async def sign_in(self, user: User, password: str = PASSWORD) -> httpx.Response:
        return await self.client.post("/v1/sessions", json={"email": user.email, "password": password})

    async def signed_in(self, user: User) -> dict[str, Any]:
        reply = await self.sign_in(user)
        assert reply.status_code == 201, reply.text
        body: dict[str, Any] = reply.json()
        return body

    def bearer(self, token: str) -> httpx.AsyncClient:
        return client_of(self.app, token)


@pytest.fixture
def desk(own_database: Database, settings: Settings) -> Desk:
    return Desk(own_database, settings)
