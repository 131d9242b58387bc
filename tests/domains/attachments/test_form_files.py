"""Files that a form asks for: uploads of the caller's own, which then belong to the ticket."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.domains.attachments import storing
from helpdesk_api.integrations.storage.memory import MemoryStorage
from tests.domains.attachments.files import uploaded

NEW = {"subject": "Access for a new colleague", "description": "See the contract."}
FIELDS: list[dict[str, Any]] = [
    {"key": "contract", "kind": "file", "label": "The contract", "is_required": True},
    {"key": "notes", "kind": "file", "label": "Our notes", "visible_to": "staff"},
]


@pytest.fixture(autouse=True)
def store(app: FastAPI) -> None:
    storing.use_storage(MemoryStorage(), None)


@pytest.fixture
async def form(admin_client: httpx.AsyncClient) -> dict[str, Any]:
    reply = await admin_client.post("/v1/forms", json={"name": "Access", "fields": FIELDS})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def filled_in(client: httpx.AsyncClient, form: dict[str, Any], **custom: Any) -> httpx.Response:
    return await client.post("/v1/tickets", json={**NEW, "form_id": form["id"], "custom_fields": custom})


async def test_a_forms_files_belong_to_the_ticket(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, form: dict[str, Any]
) -> None:
    first, second, third = [await uploaded(requester_client, b"%d" % number) for number in range(3)]
    opened = await filled_in(requester_client, form, contract=[first["id"]])
    assert opened.status_code == 201, opened.text
    path = f"/v1/tickets/{opened.json()['id']}"
    listed = (await admin_client.get(f"{path}/attachments")).json()["data"]
    assert [(one["id"], one["comment_id"], one["visibility"]) for one in listed] == [(first["id"], None, "public")]
    changed = {"custom_fields": {"contract": [first["id"], second["id"]]}}
    assert (await requester_client.patch(path, json=changed)).status_code == 200
    notes = await uploaded(admin_client, b"internal")
    assert (await admin_client.patch(path, json={"custom_fields": {"notes": [notes["id"]]}})).status_code == 200
    taken_out = {"custom_fields": {"contract": [second["id"], third["id"]]}}
    assert (await requester_client.patch(path, json=taken_out)).status_code == 200
    seen = (await requester_client.get(f"{path}/attachments")).json()["data"]
    assert [one["id"] for one in seen] == [first["id"], second["id"], third["id"]]
    assert len((await admin_client.get(f"{path}/attachments")).json()["data"]) == 4
    assert (await requester_client.get(f"/v1/attachments/{notes['id']}")).status_code == 404


async def test_only_ones_own_unused_uploads_fit(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, form: dict[str, Any]
) -> None:
    mine, others = await uploaded(requester_client), await uploaded(admin_client)
    assert (await filled_in(requester_client, form, contract=[mine["id"]])).status_code == 201
    for wrong in (mine["id"], others["id"], "att_" + "0" * 32):
        refused = await filled_in(requester_client, form, contract=[wrong])
        assert (refused.status_code, refused.json()["code"]) == (422, "attachment_not_usable")
        assert refused.json()["errors"][0]["pointer"] == "#/custom_fields/contract/0"
    for value in ("x", [], ["usr_" + "0" * 32], ["att_" + "0" * 32] * 2, [f"att_{n:032x}" for n in range(11)]):
        refused = await filled_in(requester_client, form, contract=value)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_custom_fields"), value
    assert len((await requester_client.get("/v1/tickets")).json()["data"]) == 1


async def test_a_file_is_named_once(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, form: dict[str, Any]
) -> None:
    mine = (await uploaded(requester_client))["id"]
    body = {**NEW, "form_id": form["id"], "custom_fields": {"contract": [mine]}}
    twice = await requester_client.post("/v1/tickets", json={**body, "attachment_ids": [mine]})
    assert (twice.status_code, twice.json()["code"]) == (422, "attachment_not_usable")
    assert twice.json()["errors"][0]["pointer"] == "#/custom_fields/contract/0"
    path = (await requester_client.post("/v1/tickets", json=body)).json()["url"]
    other = (await uploaded(admin_client))["id"]
    fields = {"contract": [mine, other], "notes": [other]}
    for change in ({"custom_fields": fields}, {"attachment_ids": [other], "custom_fields": fields}):
        refused = await admin_client.patch(path, json=change)
        assert refused.json()["code"] == "attachment_not_usable", change
    assert refused.json()["errors"][0]["pointer"] == "#/custom_fields/contract/1"
    wrong = {"custom_fields": {"contract": [mine, "att_" + "0" * 32]}}
    refused = await requester_client.patch(path, json=wrong)
    assert refused.json()["errors"][0]["pointer"] == "#/custom_fields/contract/1"


async def test_a_file_is_no_default(admin_client: httpx.AsyncClient) -> None:
    fields = [{**FIELDS[0], "default": ["att_" + "0" * 32]}]
    refused = await admin_client.post("/v1/forms", json={"name": "Access", "fields": fields})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "default_not_taken"
