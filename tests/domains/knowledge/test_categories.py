"""The tree of articles' categories, and who approves in it."""

from typing import Any

import httpx

from tests.domains.knowledge.conftest import BODY, Editors

PATH = "/v1/article-categories"


async def made(client: httpx.AsyncClient, name: str, **fields: Any) -> dict[str, Any]:
    reply = await client.post(PATH, json={"name": name, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def approver(client: httpx.AsyncClient, category: dict[str, Any]) -> str | None:
    found: str | None = (await client.get(f"{PATH}/{category['id']}")).json()["approver_id"]
    return found


async def test_the_nearest_owner_approves(editors: Editors) -> None:
    admin, ben, anna = editors.admin, editors.id_of("ben"), editors.id_of("anna")
    root = await made(admin, "Root", owner_id=ben)
    middle = await made(admin, "Middle", parent_id=root["id"])
    leaf = await made(admin, "Leaf", parent_id=middle["id"])
    assert [one["approver_id"] for one in (root, middle, leaf)] == [ben] * 3
    await admin.patch(f"{PATH}/{middle['id']}", json={"owner_id": anna})
    assert await approver(editors.rita, leaf) == anna
    await admin.patch(f"{PATH}/{leaf['id']}", json={"parent_id": root["id"]})
    assert await approver(editors.rita, leaf) == ben
    await admin.patch(f"{PATH}/{root['id']}", json={"owner_id": None})
    assert await approver(editors.rita, leaf) is None
    assert await approver(editors.rita, middle) == anna


async def test_the_tree_keeps_its_shape(editors: Editors) -> None:
    admin = editors.admin
    root = await made(admin, "Root")
    leaf = await made(admin, "Leaf", parent_id=root["id"])
    for body, code in (
        ({"name": "ROOT"}, "article_category_name_taken"),
        ({"name": "X", "parent_id": f"acg_{'0' * 32}"}, "unknown_reference"),
        ({"name": "X", "owner_id": editors.id_of("rita")}, "unknown_reference"),
    ):
        assert (await admin.post(PATH, json=body)).json()["code"] == code
    cycle = await admin.patch(f"{PATH}/{root['id']}", json={"parent_id": leaf["id"]})
    assert cycle.json()["code"] == "article_category_cycle"
    below = leaf
    for level in range(6):
        below = await made(admin, f"Level {level}", parent_id=below["id"])
    deep = await admin.post(PATH, json={"name": "Too deep", "parent_id": below["id"]})
    assert deep.json()["code"] == "article_category_too_deep"
    refused = await editors.anna.post(PATH, json={"name": "Mine"})
    assert refused.json()["required_scope"] == "configuration:write"


async def test_a_retired_one_takes_no_more(editors: Editors) -> None:
    admin = editors.admin
    root = await made(admin, "Root")
    leaf = await made(admin, "Leaf", parent_id=root["id"])
    held = await admin.post(f"{PATH}/{root['id']}/retire")
    assert held.json()["code"] == "article_category_has_children"
    for _ in range(2):
        assert (await admin.post(f"{PATH}/{leaf['id']}/retire")).status_code == 200
    reply = await editors.anna.post("/v1/articles", json={**BODY, "category_id": leaf["id"]})
    assert (reply.status_code, reply.json()["code"]) == (409, "article_category_retired")
    assert (await admin.post(f"{PATH}/{leaf['id']}/restore")).json()["retired_at"] is None
    names = {one["name"] for one in (await editors.rita.get(PATH, params={"parent_id": root["id"]})).json()["data"]}
    assert names == {"Leaf"}
