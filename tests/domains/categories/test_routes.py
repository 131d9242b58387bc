"""Categories and the priority matrix over HTTP."""

from typing import Any

import httpx

from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories import queries
from helpdesk_api.domains.categories.enums import Impact, Priority, Urgency
from tests.factories.records import Make

URL = "/v1/categories"


async def create(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post(URL, json=body)
    assert reply.status_code == 201, reply.text
    created: dict[str, Any] = reply.json()
    return created


async def refused(reply: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (status, code)
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


class TestCreate:
    async def test_answers_with_place_and_version(self, admin_client: httpx.AsyncClient, a_team: Make) -> None:
        team = await a_team()
        body = {"name": "VPN", "team_id": f"tea_{team.id.hex}", "default_priority": "high"}
        reply = await admin_client.post(URL, json=body)
        created = reply.json()
        assert reply.status_code == 201
        assert reply.headers["location"] == f"{URL}/{created['id']}"
        assert created.items() >= {**body, "parent_id": None, "retired_at": None, "version": 1}.items()
        again = await admin_client.get(reply.headers["location"])
        assert (again.json(), again.headers["etag"]) == (created, reply.headers["etag"])

    async def test_a_name_is_taken_whatever_the_case(self, admin_client: httpx.AsyncClient) -> None:
        parent = await create(admin_client, name="Netz")
        await refused(await admin_client.post(URL, json={"name": "NETZ"}), 409, "category_name_taken", "#/name")
        await create(admin_client, name="Netz", parent_id=parent["id"])

    async def test_unknown_references_are_pointed_at(self, admin_client: httpx.AsyncClient) -> None:
        for field, prefix in (("parent_id", "cat"), ("team_id", "tea"), ("owner_id", "usr")):
            reply = await admin_client.post(URL, json={"name": "Ghost", field: f"{prefix}_{'0' * 32}"})
            await refused(reply, 422, "unknown_reference", f"#/{field}")

    async def test_only_admins_create(self, supervisor_client: httpx.AsyncClient) -> None:
        reply = await supervisor_client.post(URL, json={"name": "Mine"})
        await refused(reply, 403, "missing_scope")
        assert reply.json()["required_scope"] == "configuration:write"

    async def test_the_tree_is_not_too_deep(self, admin_client: httpx.AsyncClient) -> None:
        parent = None
        for level in range(8):
            parent = (await create(admin_client, name=f"Level {level}", parent_id=parent))["id"]
        reply = await admin_client.post(URL, json={"name": "Level 8", "parent_id": parent})
        await refused(reply, 422, "category_too_deep", "#/parent_id")


class TestUpdate:
    async def test_a_patch_leaves_the_rest_and_null_clears(self, admin_client: httpx.AsyncClient) -> None:
        created = await create(admin_client, name="Printers", description="All of them", position=3)
        reply = await admin_client.patch(f"{URL}/{created['id']}", json={"description": None})
        assert reply.json() == {
            **created,
            "description": None,
            "version": 2,
            "updated_at": reply.json()["updated_at"],
        }

    async def test_an_empty_patch_changes_nothing(self, admin_client: httpx.AsyncClient) -> None:
        created = await create(admin_client, name="Printers")
        assert (await admin_client.patch(f"{URL}/{created['id']}", json={})).json() == created

    async def test_a_cycle_is_refused(self, admin_client: httpx.AsyncClient) -> None:
        top = await create(admin_client, name="Top")
        below = await create(admin_client, name="Below", parent_id=top["id"])
        for parent in (below["id"], top["id"]):
            reply = await admin_client.patch(f"{URL}/{top['id']}", json={"parent_id": parent})
            await refused(reply, 422, "category_cycle", "#/parent_id")

    async def test_an_old_version_is_not_overwritten(self, admin_client: httpx.AsyncClient) -> None:
        created = await create(admin_client, name="Printers")
        first = await admin_client.patch(
            f"{URL}/{created['id']}", json={"name": "Printing"}, headers={"If-Match": '"v1"'}
        )
        assert first.status_code == 200
        second = await admin_client.patch(
            f"{URL}/{created['id']}", json={"name": "Paper"}, headers={"If-Match": '"v1"'}
        )
        await refused(second, 412, "precondition_failed")

    async def test_the_unknown_is_not_found(self, admin_client: httpx.AsyncClient) -> None:
        for reply in (
            await admin_client.get(f"{URL}/cat_{'0' * 32}"),
            await admin_client.patch(f"{URL}/cat_{'0' * 32}", json={}),
        ):
            await refused(reply, 404, "category_not_found")


class TestRetire:
    async def test_a_retired_one_is_kept_and_can_come_back(self, admin_client: httpx.AsyncClient) -> None:
        created = await create(admin_client, name="Fax")
        retired = (await admin_client.post(f"{URL}/{created['id']}/retire")).json()
        assert retired["retired_at"] is not None
        again = (await admin_client.post(f"{URL}/{created['id']}/retire")).json()
        assert again == retired
        restored = (await admin_client.post(f"{URL}/{created['id']}/restore")).json()
        assert restored["retired_at"] is None

    async def test_below_and_above_are_looked_at(self, admin_client: httpx.AsyncClient) -> None:
        top = await create(admin_client, name="Top")
        below = await create(admin_client, name="Below", parent_id=top["id"])
        await refused(await admin_client.post(f"{URL}/{top['id']}/retire"), 409, "category_has_children")
        assert (await admin_client.post(f"{URL}/{below['id']}/retire")).status_code == 200
        assert (await admin_client.post(f"{URL}/{top['id']}/retire")).status_code == 200
        await refused(await admin_client.post(f"{URL}/{below['id']}/restore"), 409, "category_parent_retired")
        reply = await admin_client.post(URL, json={"name": "New", "parent_id": top["id"]})
        await refused(reply, 409, "category_parent_retired")


class TestList:
    async def test_pages_follow_position_and_name(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
    ) -> None:
        top = await create(admin_client, name="Top", position=9)
        for name, position in (("b", 2), ("a", 2), ("c", 1)):
            await create(admin_client, name=name, position=position, parent_id=top["id"])
        first = (await requester_client.get(URL, params={"parent_id": top["id"], "limit": 2})).json()
        assert [row["name"] for row in first["data"]] == ["c", "a"]
        second = await requester_client.get(
            URL, params={"parent_id": top["id"], "limit": 2, "cursor": first["next_cursor"]}
        )
        assert [row["name"] for row in second.json()["data"]] == ["b"]
        assert second.json()["next_cursor"] is None
        roots = (await requester_client.get(URL, params={"parent_id": "none", "include_total": "true"})).json()
        assert [row["id"] for row in roots["data"]] == [top["id"]]
        assert (roots["total"], roots["total_is_exact"]) == (1, True)

    async def test_retired_ones_can_be_left_out(self, admin_client: httpx.AsyncClient) -> None:
        kept, gone = await create(admin_client, name="Kept"), await create(admin_client, name="Gone")
        await admin_client.post(f"{URL}/{gone['id']}/retire")
        listed = (await admin_client.get(URL, params={"is_retired": "false"})).json()
        assert [row["id"] for row in listed["data"]] == [kept["id"]]


class TestMatrix:
    URL = "/v1/priority-matrix"

    async def test_the_default_stands_until_it_is_replaced(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
    ) -> None:
        found = await requester_client.get(self.URL)
        body = {"by_impact": found.json()["by_impact"]}
        assert body["by_impact"]["high"] == {"high": "critical", "medium": "high", "low": "medium"}
        assert (await queries.matrix(database))[Impact.LOW][Urgency.LOW] is Priority.LOW
        body["by_impact"]["low"]["low"] = "critical"
        reply = await admin_client.put(self.URL, json=body, headers={"If-Match": found.headers["etag"]})
        assert (reply.status_code, reply.json()["version"]) == (200, 2)
        assert reply.json()["by_impact"] == body["by_impact"]
        # The cache was warm, and forgot.
        assert (await queries.matrix(database))[Impact.LOW][Urgency.LOW] is Priority.CRITICAL
        again = await admin_client.put(self.URL, json=body, headers={"If-Match": reply.headers["etag"]})
        assert again.json()["version"] == 3

    async def test_the_version_must_be_named_and_right(self, admin_client: httpx.AsyncClient) -> None:
        body = {"by_impact": (await admin_client.get(self.URL)).json()["by_impact"]}
        await refused(await admin_client.put(self.URL, json=body), 428, "precondition_required")
        reply = await admin_client.put(self.URL, json=body, headers={"If-Match": '"v7"'})
        await refused(reply, 412, "precondition_failed")

    async def test_a_missing_cell_is_pointed_at(self, admin_client: httpx.AsyncClient) -> None:
        body = {"by_impact": (await admin_client.get(self.URL)).json()["by_impact"]}
        del body["by_impact"]["medium"]["low"]
        reply = await admin_client.put(self.URL, json=body, headers={"If-Match": '"v1"'})
        await refused(reply, 422, "validation_failed", "#/by_impact/medium/low")

    async def test_only_admins_replace_it(self, supervisor_client: httpx.AsyncClient) -> None:
        body = {"by_impact": (await supervisor_client.get(self.URL)).json()["by_impact"]}
        reply = await supervisor_client.put(self.URL, json=body, headers={"If-Match": '"v1"'})
        await refused(reply, 403, "missing_scope")
