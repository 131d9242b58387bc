"""An editorial desk: who writes, who approves, and who reads."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.users.models import User
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

BODY = {"title": "Connect to the VPN", "body": "Open **Company VPN**.", "language": "en", "audience": "requesters"}


@dataclass
class Editors:
    """`anna` writes, `olga` owns the category, `ben` is of another team; `rita` asks."""

    team: Team
    category_id: str
    people: dict[str, User]
    anna: httpx.AsyncClient
    olga: httpx.AsyncClient
    ben: httpx.AsyncClient
    rita: httpx.AsyncClient
    admin: httpx.AsyncClient

    def id_of(self, name: str) -> str:
        return public_id("usr", self.people[name].id)

    @property
    def team_id(self) -> str:
        return public_id("tea", self.team.id)

    async def draft(self, **fields: Any) -> dict[str, Any]:
        """Anna's, in Olga's category."""
        reply = await self.anna.post("/v1/articles", json={**BODY, "category_id": self.category_id, **fields})
        assert reply.status_code == 201, reply.text
        assert reply.headers["location"] == at(reply.json())
        body: dict[str, Any] = reply.json()
        return body

    async def published(self, **fields: Any) -> dict[str, Any]:
        return await done(self.olga, await self.draft(**fields), "publish")


def at(article: dict[str, Any], below: str = "") -> str:
    return f"/v1/articles/{article['id']}{below}"


async def done(client: httpx.AsyncClient, article: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    reply = await client.post(at(article, f"/{verb}"), json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


@pytest.fixture
async def editors(a_user: Make, a_team: Make, as_user: AsUser) -> Editors:
    team = await a_team(name="Network")
    people = {
        "anna": await a_user(role=Role.AGENT, name="Anna", email="anna@example.test", teams=[team]),
        "olga": await a_user(role=Role.AGENT, name="Olga", email="olga@example.test"),
        "ben": await a_user(role=Role.AGENT, name="Ben", email="ben@example.test"),
        "rita": await a_user(name="Rita", email="rita@example.test"),
        "admin": await a_user(role=Role.ADMIN, name="Adam", email="adam@example.test"),
    }
    clients = {name: as_user(user) for name, user in people.items()}
    made = await clients["admin"].post(
        "/v1/article-categories", json={"name": "Network", "owner_id": public_id("usr", people["olga"].id)}
    )
    assert made.status_code == 201, made.text
    return Editors(team=team, category_id=made.json()["id"], people=people, **clients)
