"""A requester's portal by the API alone: from the catalogue of forms to the rating, with a requester's own rights."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import storing
from helpdesk_api.integrations.storage.memory import MemoryStorage
from tests.domains.attachments.files import picture, uploaded
from tests.factories.records import make_organization, make_user
from tests.fixtures.clients import AsUser

FORM: dict[str, Any] = {
    "name": "Broken device",
    "fields": [
        {"key": "device", "kind": "asset", "label": "Which one?", "is_required": True},
        {"key": "photo", "kind": "file", "label": "A picture"},
        {"key": "cost_centre", "kind": "text", "label": "Cost centre", "visible_to": "staff", "editable_by": "staff"},
    ],
}


@pytest.fixture(autouse=True)
def _store(app: FastAPI) -> None:
    storing.use_storage(MemoryStorage(), None)


def allowed(ticket: dict[str, Any]) -> set[str]:
    return {one["action"] for one in ticket["allowed_actions"] if one["allowed"]}


async def test_from_the_catalogue_to_the_rating(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, database: Database, as_user: AsUser
) -> None:
    company = await make_organization(database, name="Northwind")
    nora, chief, colleague = [
        as_user(await make_user(database, organization_id=company.id, sees_organization=sees))
        for sees in (False, True, False)
    ]
    form = (await admin_client.post("/v1/forms", json=FORM)).json()

    # The catalogue, without what is for the staff, and what exactly may be sent.
    (shown,) = [one for one in (await nora.get("/v1/forms")).json()["data"] if one["id"] == form["id"]]
    assert [field["key"] for field in shown["fields"]] == ["device", "photo"]
    schema = (await nora.get(f"/v1/forms/{form['id']}/schema")).json()
    assert (set(schema["properties"]), schema["required"]) == ({"device", "photo"}, ["device"])
    photo = await uploaded(nora, picture(), "screen.png")
    request = {
        "subject": "The screen is broken",
        "description": "Since this morning.",
        "type": "service_request",
        "form_id": form["id"],
        "custom_fields": {"device": "LT-04711 My laptop", "photo": [photo["id"]]},
    }
    wrong = await nora.post("/v1/tickets", json={**request, "custom_fields": {"cost_centre": "7"}})
    assert {error["pointer"] for error in wrong.json()["errors"]} == {
        "#/custom_fields/device",
        "#/custom_fields/cost_centre",
    }
    made = await nora.post("/v1/tickets", json=request)
    assert made.status_code == 201, made.text
    at = made.headers["location"]

    # My requests in one call, with what may be expected, and the organization's for whom that is allowed.
    mine = {"requester_id": "me", "include": "expectation,last_comment", "sort": "-created_at"}
    page = (await nora.get("/v1/tickets", params=mine)).json()
    assert [one["id"] for one in page["data"]] == [made.json()["id"]]
    expectation = page["included"]["expectations"][made.json()["id"]]
    assert expectation["promised_by"] is not None
    assert [one["id"] for one in (await chief.get("/v1/tickets")).json()["data"]] == [made.json()["id"]]
    assert (await colleague.get("/v1/tickets")).json()["data"] == []
    assert (await colleague.get(at)).status_code == 404

    # Reply with a file; the staff's note stays theirs.
    file = await uploaded(nora, b"more", "more.txt")
    reply = await nora.post(f"{at}/comments", json={"body": "More of it.", "attachment_ids": [file["id"]]})
    assert reply.status_code == 201, reply.text
    await agent_client.post(f"{at}/comments", json={"body": "Old model.", "visibility": "internal"})
    said = (await nora.get(f"{at}/comments", params={"with_ticket": "true"})).json()
    assert [one["body"] for one in said["data"]] == ["More of it."]
    assert {"comment", "cancel"} <= allowed(said["ticket"])

    # Solved, reopened, solved again, confirmed, rated: each is offered when it can be done.
    solution = {"resolution_code": "fixed", "resolution_text": "A new cable."}
    for verb, body in (("reopen", {"reason": "Still dark."}), ("confirm", {})):
        solved = await agent_client.post(f"{at}/resolve", json=solution)
        assert solved.status_code == 200, solved.text
        ticket = (await nora.get(at)).json()
        assert verb in allowed(ticket)
        done = await nora.post(f"{at}/{verb}", json=body)
        assert done.status_code == 200, done.text
    ended = (await nora.get(at)).json()
    assert (ended["status"], "rate" in allowed(ended)) == ("closed", True)
    rated = await nora.post(f"{at}/rate", json={"score": 5, "comment": "Quick."})
    assert (rated.status_code, rated.json()["rating"]) == (200, 5), rated.text
