"""Labels and limits: complete, in the contract's order, and kept by who holds the ETag."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.domains.meta import queries
from helpdesk_api.domains.meta.queries import enums
from helpdesk_api.web.openapi.vocabulary import problem_classes
from tests.fixtures.contract import document_of


@pytest.fixture
def published(app: FastAPI) -> dict[str, list[str]]:
    schemas: dict[str, Any] = document_of(app)["components"]["schemas"]
    return {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema}


def test_every_enum_of_the_contract_has_its_labels(published: dict[str, list[str]]) -> None:
    assert {name: [one.value for one in values] for name, values in enums().items()} == published


def test_no_problem_is_translated_that_does_not_exist() -> None:
    assert queries._data("problems_de.toml").keys() == problem_classes().keys()


async def test_it_is_read_once_by_anybody(client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/meta")
    assert first.status_code == 200
    pending = next(one for one in first.json()["enums"]["TicketStatus"] if one["value"] == "pending")
    assert pending["labels"] == {"en": "On hold", "de": "Zurückgestellt"}
    assert first.json()["limits"]["bulk_tickets"] == 100
    again = await client.get("/v1/meta", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_limit_is_the_one_that_is_enforced(client: httpx.AsyncClient, agent_client: httpx.AsyncClient) -> None:
    rows = (await client.get("/v1/meta")).json()["limits"]["page_rows"]
    assert (await agent_client.get("/v1/tickets", params={"limit": rows})).status_code == 200
    assert (await agent_client.get("/v1/tickets", params={"limit": rows + 1})).status_code == 422
