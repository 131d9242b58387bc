"""Ticket templates: what they fill in, for whom, and that the form asks all the same."""

from typing import Any

import httpx
import pytest

from tests.domains.assignments.desk import refused
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

PATH = "/v1/ticket-templates"
FIELDS = {
    "type": "service_request",
    "subject": "A colleague for {{ current_user.first_name }}",
    "description": "They start soon.",
    "tags": ["onboarding"],
    "impact": "low",
}
CHECKLIST = [{"title": "Order the laptop", "is_required": True}]


async def saved(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post(PATH, json={"name": "New colleague", "fields": FIELDS, "checklist": CHECKLIST, **body})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"{PATH}/{made['id']}"
    return made


async def test_it_fills_in_what_is_left_out(admin_client: httpx.AsyncClient, a_user: Make, as_user: AsUser) -> None:
    requester = as_user(await a_user(name="Mara Lindqvist"))
    template = await saved(admin_client)
    plain = (await requester.post("/v1/tickets", json={"template_id": template["id"]})).json()
    assert (plain["subject"], plain["type"], plain["tags"], plain["impact"]) == (
        "A colleague for Mara",
        "service_request",
        ["onboarding"],
        "low",
    )
    own = {"template_id": template["id"], "subject": "Two of them", "tags": [], "impact": None}
    sent = (await requester.post("/v1/tickets", json=own)).json()
    assert (sent["subject"], sent["tags"], sent["impact"], sent["description"]) == (
        "Two of them",
        [],
        None,
        "They start soon.",
    )


async def test_who_sees_it(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    hidden = await saved(admin_client, name="Staff's", visible_to="staff")
    shown = await saved(admin_client)
    names = [
        [one["name"] for one in (await client.get(PATH)).json()["data"]] for client in (agent_client, requester_client)
    ]
    assert names == [["New colleague", "Staff's"], ["New colleague"]]
    refused(await requester_client.get(f"{PATH}/{hidden['id']}"), 404, "ticket_template_not_found")
    reply = await requester_client.post("/v1/tickets", json={"template_id": hidden["id"]})
    refused(reply, 422, "unknown_reference", "#/template_id")
    assert (await agent_client.post("/v1/tickets", json={"template_id": hidden["id"]})).status_code == 201
    path = f"{PATH}/{shown['id']}"
    before = await requester_client.get(path)
    assert (before.json()["checklist"], before.json()["updated_at"]) == (None, None)
    assert (await admin_client.patch(path, json={"checklist": []})).status_code == 200
    again = await requester_client.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert again.status_code == 304
    for client in (agent_client, requester_client):
        refused(await client.post(PATH, json={"name": "Mine", "fields": {}}), 403, "missing_scope")


async def test_the_form_asks_all_the_same(admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    form = {
        "name": "Laptop",
        "fields": [
            {"key": "model", "kind": "text", "label": "Model", "is_required": True},
            {"key": "reason", "kind": "text", "label": "Why", "is_required": True},
        ],
    }
    form_id = (await admin_client.post("/v1/forms", json=form)).json()["id"]
    category = await admin_client.post("/v1/categories", json={"name": "Laptops", "default_form_id": form_id})
    fields = {**FIELDS, "category_id": category.json()["id"], "custom_fields": {"model": "light"}}
    template = await saved(admin_client, fields=fields)
    refused(
        await requester_client.post("/v1/tickets", json={"template_id": template["id"]}), 422, "invalid_custom_fields"
    )
    body = {"template_id": template["id"], "custom_fields": {"reason": "The old one burns."}}
    ticket = (await requester_client.post("/v1/tickets", json=body)).json()
    assert ticket["custom_fields"] == {"model": "light", "reason": "The old one burns."}


async def test_what_only_the_staff_see_is_left_out_for_requesters(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = {
        "name": "Laptop",
        "fields": [
            {"key": "model", "kind": "text", "label": "Model"},
            {"key": "budget", "kind": "text", "label": "Budget", "visible_to": "staff"},
            {"key": "approved", "kind": "yes_no", "label": "Approved", "editable_by": "staff"},
        ],
    }
    form_id = (await admin_client.post("/v1/forms", json=form)).json()["id"]
    category = await admin_client.post("/v1/categories", json={"name": "Laptops", "default_form_id": form_id})
    values = {"model": "light", "budget": "900", "approved": True}
    category_id = category.json()["id"]
    placed = await saved(admin_client, fields={**FIELDS, "category_id": category_id, "custom_fields": values})
    free = await saved(admin_client, fields={**FIELDS, "custom_fields": values})
    secret = await saved(admin_client, fields={**FIELDS, "custom_fields": {"budget": "900"}})
    shown = {"model": "light", "approved": True}
    listed = {one["id"]: one["fields"] for one in (await requester_client.get(PATH)).json()["data"]}
    for template, wanted in ((placed, shown), (free, shown), (secret, None)):
        path = f"{PATH}/{template['id']}"
        read = await requester_client.get(path)
        assert read.json()["fields"]["custom_fields"] == listed[template["id"]]["custom_fields"] == wanted
        assert (await agent_client.get(path)).json() == template
        sent = {"template_id": template["id"], "category_id": category_id}
        opened = await requester_client.post("/v1/tickets", json=sent)
        assert (opened.status_code, "budget" in opened.text) == (201, False), opened.text
        assert opened.json()["custom_fields"] == ({"model": "light"} if wanted else {})
    changed = {"fields": {**FIELDS, "custom_fields": {"budget": "1000"}}}
    assert (await admin_client.patch(path, json=changed)).status_code == 200
    assert (await requester_client.get(path, headers={"If-None-Match": read.headers["ETag"]})).status_code == 304
    by_staff = await agent_client.post("/v1/tickets", json={"template_id": placed["id"]})
    assert by_staff.status_code == 201, by_staff.text
    own = {"template_id": placed["id"], "custom_fields": {"budget": "1"}}
    refused(
        await requester_client.post("/v1/tickets", json=own), 422, "invalid_custom_fields", "#/custom_fields/budget"
    )


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"subject": "{{ requester.name }}"}, "invalid_template", "#/fields/subject"),
        ({"description": "{% for x in (1..9) %}{% endfor %}"}, "invalid_template", "#/fields/description"),
        ({"category_id": "cat_" + "f" * 32}, "unknown_reference", "#/fields/category_id"),
        ({"priority": "high"}, "validation_failed", "#/fields/priority"),
    ],
)
async def test_what_cannot_be_saved(
    admin_client: httpx.AsyncClient, fields: dict[str, Any], code: str, pointer: str
) -> None:
    refused(await admin_client.post(PATH, json={"name": "X", "fields": fields}), 422, code, pointer)


async def test_a_ticket_still_needs_its_words(
    admin_client: httpx.AsyncClient, a_user: Make, as_user: AsUser, requester_client: httpx.AsyncClient
) -> None:
    refused(await requester_client.post("/v1/tickets", json={}), 422, "ticket_field_missing", "#/subject")
    template = await saved(admin_client, fields={"subject": "Hi {{ current_user.name }}" + "x" * 150})
    named = {"template_id": template["id"]}
    refused(await requester_client.post("/v1/tickets", json=named), 422, "ticket_field_missing", "#/description")
    long_name = as_user(await a_user(name="N" * 100))
    reply = await long_name.post("/v1/tickets", json={**named, "description": "It burns."})
    refused(reply, 422, "validation_failed", "#/subject")
    assert (await requester_client.get("/v1/tickets")).json()["data"] == []


async def test_changed_by_its_etag(admin_client: httpx.AsyncClient) -> None:
    template = await saved(admin_client)
    path = f"{PATH}/{template['id']}"
    read = await admin_client.get(path)
    assert read.json() == template
    etag = read.headers["ETag"]
    changed = await admin_client.patch(path, json={"fields": {"subject": "Other"}}, headers={"If-Match": etag})
    assert (changed.json()["fields"]["subject"], changed.json()["fields"]["tags"]) == ("Other", None)
    refused(await admin_client.delete(path, headers={"If-Match": etag}), 412, "precondition_failed")
    assert (await admin_client.delete(path)).status_code == 204
    refused(await admin_client.get(path), 404, "ticket_template_not_found")
