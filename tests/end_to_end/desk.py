"""A desk set up over the API alone: people who answered their invitation, agents, teams and categories."""

import asyncio
import email
import email.policy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "a password for the run"
PATIENCE = 60.0


@dataclass
class Desk:
    """Clients by user id, and what the run has made."""

    url: str
    mail_dir: Path
    admin: httpx.AsyncClient
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    requesters: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    categories: dict[str, str] = field(default_factory=dict)

    def client(self, user_id: str) -> httpx.AsyncClient:
        return self.clients[user_id]

    async def close(self) -> None:
        for client in (*self.clients.values(), self.admin):
            await client.aclose()


def new_client(url: str, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=20)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=60.0, limits=limits)


async def posted(client: httpx.AsyncClient, path: str, body: Any, status: int = 201) -> dict[str, Any]:
    reply = await client.post(path, json=body)
    assert reply.status_code == status, f"{path}: {reply.status_code} {reply.text}"
    answer: dict[str, Any] = reply.json()
    return answer


async def sign_in(url: str, address: str, password: str) -> httpx.AsyncClient:
    async with new_client(url) as anonymous:
        tokens = await posted(anonymous, "/v1/sessions", {"email": address, "password": password})
    return new_client(url, tokens["access_token"])


async def set_up(url: str, mail_dir: Path, admin: httpx.AsyncClient, queues: list[str]) -> Desk:
    desk = Desk(url, mail_dir, admin)
    teams = [await posted(admin, "/v1/teams", {"name": f"Run {name}"}) for name in ("applications", "infrastructure")]
    for number in range(4):
        desk.agents.append(await _person(desk, f"agent{number}", "agent"))
    for team in teams:
        for agent in desk.agents:
            reply = await admin.put(f"/v1/teams/{team['id']}/members/{agent}", json={"is_lead": False})
            assert reply.status_code == 204, reply.text
    for number in range(6):
        desk.requesters.append(await _person(desk, f"requester{number}", "requester"))
    for number, queue in enumerate(queues):
        body = {"name": f"Run {queue}"[:120], "team_id": teams[number % 2]["id"]}
        desk.categories[queue] = (await posted(admin, "/v1/categories", body))["id"]
    return desk


async def _person(desk: Desk, name: str, role: str) -> str:
    """Invited, told by mail, and signed in with the password that they chose by the mailed link."""
    address = f"{name}@run.example.com"
    user = await posted(desk.admin, "/v1/users", {"name": f"Run {name}", "email": address, "role": role})
    token = await _invitation(desk.mail_dir, address)
    async with new_client(desk.url) as anonymous:
        reply = await anonymous.post("/v1/password-resets/confirm", json={"token": token, "password": PASSWORD})
        assert reply.status_code == 204, reply.text
    desk.clients[user["id"]] = await sign_in(desk.url, address, PASSWORD)
    return str(user["id"])


async def _invitation(mail_dir: Path, address: str) -> str:
    for _ in range(int(PATIENCE / 0.2)):
        for message in mails(mail_dir):
            if address in str(message["To"]):
                body = message.get_body(("plain",))
                found = re.search(r"hp_[A-Za-z0-9_-]{43}", body.get_content() if body else "")
                if found:
                    return found[0]
        await asyncio.sleep(0.2)
    message = f"no invitation for {address}"
    raise AssertionError(message)


def mails(mail_dir: Path) -> list[Any]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted(mail_dir.glob("*.eml"))
    ]
