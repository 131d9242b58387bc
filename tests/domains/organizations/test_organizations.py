"""Organizations over HTTP."""

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.outbox.models import EventRow
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

NEW = {"name": "Northwind Clinics", "external_source": "crm", "external_id": "42"}


async def test_create_read_and_change(admin_client: httpx.AsyncClient, database: Database) -> None:
    made = await admin_client.post("/v1/organizations", json=NEW)
    assert made.status_code == 201
    path = made.headers["location"]
    assert (await admin_client.get(path)).json() == made.json()
    changed = await admin_client.patch(
        path, json={"description": "Four clinics", "external_source": None, "external_id": None}
    )
    assert (changed.status_code, changed.json()["external_id"]) == (200, None)
    stale = await admin_client.patch(path, json={"name": "x"}, headers={"If-Match": made.headers["etag"]})
    assert stale.status_code == 412
    same = await admin_client.patch(path, json={"description": "Four clinics"})
    assert same.headers["etag"] == changed.headers["etag"]
    async with database.session() as session:
        types = (await session.scalars(select(EventRow.type).order_by(EventRow.position))).all()
    assert list(types) == ["organization.created", "organization.updated"]


async def test_external_ids_are_unique_and_whole(admin_client: httpx.AsyncClient) -> None:
    first = await admin_client.post("/v1/organizations", json=NEW)
    taken = await admin_client.post("/v1/organizations", json={**NEW, "name": "Other"})
    assert (taken.status_code, taken.json()["code"]) == (409, "organization_external_id_taken")
    half = await admin_client.post("/v1/organizations", json={"name": "x", "external_source": "crm"})
    assert (half.status_code, half.json()["code"]) == (422, "external_pair_incomplete")
    halved = await admin_client.patch(first.headers["location"], json={"external_source": None})
    assert (halved.status_code, halved.json()["code"]) == (422, "external_pair_incomplete")


async def test_listing(agent_client: httpx.AsyncClient, an_organization: Make) -> None:
    for name in ("Beta", "Alpha", "alpine_x"):
        await an_organization(name=name)
    for params, wanted in (
        ({"q": "al"}, ["Alpha", "alpine_x"]),
        ({"q": "alpine_"}, ["alpine_x"]),
        ({"q": "_"}, []),
        ({"sort": "-name"}, ["alpine_x", "Beta", "Alpha"]),
    ):
        reply = await agent_client.get("/v1/organizations", params=params)
        assert [row["name"] for row in reply.json()["data"]] == wanted, params


@pytest.mark.parametrize(
    ("role", "reading", "scope"),
    [(Role.REQUESTER, 403, "organizations:read"), (Role.AGENT, 200, None), (Role.SUPERVISOR, 200, None)],
)
async def test_who_may(
    a_user: Make, an_organization: Make, as_user: AsUser, role: Role, reading: int, scope: str | None
) -> None:
    organization = await an_organization()
    path = f"/v1/organizations/org_{organization.id.hex}"
    client = as_user(await a_user(role=role))
    reply = await client.get(path)
    assert reply.status_code == reading
    assert scope is None or reply.json()["required_scope"] == scope
    refused = await client.patch(path, json={"name": "x"})
    assert (refused.status_code, refused.json()["required_scope"]) == (403, "organizations:write")


async def test_unknown(admin_client: httpx.AsyncClient) -> None:
    nowhere = f"/v1/organizations/org_{'0' * 32}"
    for reply in (await admin_client.get(nowhere), await admin_client.patch(nowhere, json={})):
        assert (reply.status_code, reply.json()["code"]) == (404, "organization_not_found")
    assert (await admin_client.get(f"/v1/organizations/tea_{'0' * 32}")).status_code == 422
