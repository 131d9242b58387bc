"""What a request may cost in statements, whatever the number of rows; BEGIN and COMMIT are not counted."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from starlette.types import ASGIApp, Receive, Scope, Send

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.filters import SORTS, Forms
from helpdesk_api.domains.tickets.pages import _page_read
from helpdesk_api.domains.tickets.ranking import Order
from helpdesk_api.main import create_app
from helpdesk_api.web.listing import CutShape
from tests.factories.records import make_category, make_team, make_ticket, make_user
from tests.fixtures.clients import BASE_URL, test_authenticator

QUEUE = "status=open,in_progress,pending&include=requester,assignee,last_comment,sla&counts=true&limit=200"


class Counting:
    """The application, noting how many statements its last request sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statements = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        self.statements = scope["state"]["statement_count"]


class Desk:
    """An agent of a team with a category, the requester of its tickets, and the count of the last request."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        app = create_app(settings, database=database)
        app.state.authenticator = test_authenticator
        self.counting = Counting(app)

    async def prepared(self) -> "Desk":
        self.team = await make_team(self.database)
        self.agent = await make_user(self.database, role=Role.AGENT, teams=[self.team])
        self.other = await make_user(self.database, role=Role.AGENT, teams=[self.team])
        self.requester = await make_user(self.database)
        self.category = await make_category(self.database, team_id=self.team.id)
        return self

    def client(self, user: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer test-{user.id.hex}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.counting), base_url=BASE_URL, headers=headers)

    async def cost(self, call: Callable[[], Any], status: int) -> int:
        """Of the second call: the first one warms the caches."""
        for _ in range(2):
            reply = await call()
            assert reply.status_code == status, reply.text
        return self.counting.statements


@pytest.fixture
async def desk(own_database: Database, settings: Settings) -> Desk:
    return await Desk(own_database, settings).prepared()


def keyed(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]) -> Callable[[], Any]:
    """A write with a fresh Idempotency-Key each time: the budget includes it."""
    number = 0

    def call() -> Any:
        nonlocal number
        number += 1
        key = f"{method}{path}{number}{client.headers['authorization'][-8:]}"
        return client.request(method, path, json=body, headers={"Idempotency-Key": key})

    return call


async def test_reads(desk: Desk) -> None:
    for _ in range(5):
        await make_ticket(desk.database, requester_id=desk.requester.id, team_id=desk.team.id)
    ticket = await make_ticket(desk.database, requester_id=desk.requester.id, team_id=desk.team.id)
    agent, requester = desk.client(desk.agent), desk.client(desk.requester)
    assert await desk.cost(lambda: agent.get(f"/v1/tickets/{ticket.reference}"), 200) == 1
    assert await desk.cost(lambda: agent.get(f"/v1/tickets/{ticket.reference}?include=team"), 200) == 2
    assert await desk.cost(lambda: requester.get("/v1/tickets?status=open"), 200) == 1
    assert await desk.cost(lambda: agent.get(f"/v1/tickets?{QUEUE}"), 200) <= 5


@pytest.mark.parametrize("path", [f"/v1/tickets?{QUEUE}", "/v1/tickets?limit=200", "/v1/tickets?q=burns&limit=200"])
async def test_a_list_costs_the_same_with_five_and_with_fifty(desk: Desk, path: str) -> None:
    agent = desk.client(desk.agent)
    costs = []
    for more in (5, 45):
        for _ in range(more):
            await make_ticket(desk.database, by=desk.agent, requester_id=desk.requester.id, team_id=desk.team.id)
        costs.append(await desk.cost(lambda: agent.get(path), 200))
        assert len((await agent.get(path)).json()["data"]) == sum((5, 45)[: len(costs)])
    assert costs[0] == costs[1]


async def test_writes(desk: Desk) -> None:
    agent, requester = desk.client(desk.agent), desk.client(desk.requester)
    new = {
        "subject": "VPN drops",
        "description": "It drops.",
        "impact": "high",
        "urgency": "low",
        "category_id": f"cat_{desk.category.id.hex}",
    }
    assert await desk.cost(keyed(requester, "POST", "/v1/tickets", new), 201) <= 8
    opened = (await requester.post("/v1/tickets", json=new)).json()
    assert opened["assignee_id"] is not None
    path = f"/v1/tickets/{opened['id']}"
    assert await desk.cost(keyed(agent, "POST", f"{path}/comments", {"body": "Hello"}), 201) <= 6
    assert await desk.cost(keyed(requester, "POST", f"{path}/comments", {"body": "Hello"}), 201) <= 6
    subjects = iter(["A", "B"])

    def rename() -> Any:
        subject = next(subjects)
        return agent.patch(path, json={"subject": subject}, headers={"Idempotency-Key": f"rename {subject}"})

    assert await desk.cost(rename, 200) <= 6
    taken = iter([desk.other, desk.agent])

    def hand_over() -> Any:
        body = {"assignee_id": f"usr_{next(taken).id.hex}", "replace": True}
        return agent.post(f"{path}/assignments", json=body, headers={"Idempotency-Key": repr(body)})

    assert await desk.cost(hand_over, 201) <= 6


AGENT = policy.CallerShape(is_admin=False, is_staff=True, sees_organization=False)
ADMIN = policy.CallerShape(is_admin=True, is_staff=True, sees_organization=False)
NOBODY = UUID("01a20900-0000-7000-8000-000000000000")
ORDERS = [
    *[(ADMIN, (), f"{sign}{name}") for name in SORTS for sign in ("", "-")],
    *[(AGENT, (), f"{sign}{name}") for name in SORTS for sign in ("", "-")],
    *[
        (AGENT, ((name, "one"),), f"{sign}created_at")
        for name in ("team_id", "assignee_id", "requester_id", "organization_id")
        for sign in ("", "-")
    ],
    # The queue screen, and what somebody has to do.
    *[(AGENT, (("status", "active"), (name, "one")), "-created_at") for name in ("team_id", "assignee_id")],
]


@pytest.mark.parametrize(("caller", "forms", "sort"), ORDERS)
@pytest.mark.parametrize("backwards", [False, True])
async def test_an_index_stands_behind_every_order(
    database: Database, caller: policy.CallerShape, forms: Forms, sort: str, backwards: bool
) -> None:
    read = _page_read(caller, forms, None, Order(sort), CutShape(25, backwards, None))
    values = {"caller_id": NOBODY, "caller_team_ids": [NOBODY], **{name: NOBODY for name, _ in forms}}
    async with database.session() as session:
        # The table is nearly empty, where a scan would be right: what is asked is whether an index could serve.
        for other_way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            await session.execute(text(f"SET LOCAL enable_{other_way} = off"))
        connection = await (await session.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        rows = await connection.driver_connection.fetch(f"EXPLAIN {read.sql}", *read.arguments(values))
    plan = "\n".join(row[0] for row in rows)
    assert "Sort" not in plan, plan
    assert "Seq Scan on tickets" not in plan, plan
    assert "Scan" in plan, plan
