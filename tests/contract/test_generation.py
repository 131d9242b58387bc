"""The pass over FastAPI's document, on a small application: what it adds, what it takes away, what it refuses."""

from enum import StrEnum
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from pydantic import Field
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public, requires, signed_in
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import OrganizationId
from helpdesk_api.web.errors import Conflict, documents
from helpdesk_api.web.listing import PageDep
from helpdesk_api.web.openapi import build_document, render
from helpdesk_api.web.openapi.nodes import ContractError
from helpdesk_api.web.preconditions import IfMatchDep
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import Instant, Name, Page, RequestInstant, RequestModel, ResponseModel, absent

Json = dict[str, Any]
READ = [requires(Permission.ORGANIZATIONS_READ)]
WRITE = [requires(Permission.ORGANIZATIONS_WRITE)]


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Closed(Conflict):
    code = "shelf_closed"
    title = "The shelf is closed"


class ShelfCreate(RequestModel):
    name: Name
    size: Size = Size.SMALL
    opens_at: RequestInstant | None = None


class ShelfUpdate(RequestModel):
    name: Name = absent()


class ShelfRead(ResponseModel):
    id: OrganizationId
    name: str
    size: Size | None
    floor: int
    note: str | None = Field(default=None, examples=[None])
    made_at: Instant


class Boxes(ResponseModel):
    boxes: dict[str, int]


def an_app() -> FastAPI:
    router = ApiRouter(prefix="/v1/shelves", tags=["shelves"])

    @router.get(
        "", operation_id="listShelves", summary="List shelves", response_model=Page[ShelfRead], dependencies=READ
    )
    async def list_shelves(page: PageDep, size: Annotated[Size | None, Query()] = None) -> None:
        """The newest first."""

    @router.post(
        "",
        operation_id="createShelf",
        summary="Put up a shelf",
        status_code=201,
        response_model=ShelfRead,
        dependencies=WRITE,
        responses=documents(Closed),
    )
    async def create_shelf(body: ShelfCreate) -> None: ...

    @router.get(
        "/{shelf_id}", operation_id="getShelf", summary="Read a shelf", response_model=ShelfRead, dependencies=READ
    )
    async def get_shelf(shelf_id: OrganizationId) -> None: ...

    @router.patch(
        "/{shelf_id}", operation_id="updateShelf", summary="Change it", response_model=ShelfRead, dependencies=WRITE
    )
    async def update_shelf(shelf_id: OrganizationId, body: ShelfUpdate, if_match: IfMatchDep) -> None: ...

    @router.get(
        "/{shelf_id}/boxes",
        operation_id="countBoxes",
        summary="Count",
        response_model=Boxes,
        dependencies=[signed_in()],
    )
    async def count_boxes(shelf_id: OrganizationId) -> None: ...

    @router.delete(
        "/{shelf_id}",
        operation_id="deleteShelf",
        summary="Take it down",
        status_code=204,
        response_class=Response,
        dependencies=WRITE,
    )
    async def delete_shelf(shelf_id: OrganizationId) -> None: ...

    @router.post(
        "/keys",
        operation_id="makeKey",
        summary="Make a key",
        status_code=201,
        response_model=Boxes,
        dependencies=[public("a test")],
        openapi_extra={"x-no-idempotency": True},
    )
    async def make_key(body: ShelfCreate) -> None: ...

    app = FastAPI(openapi_url=None)
    app.router.routes.extend(router.routes)
    return app


@pytest.fixture(scope="module")
def document() -> Json:
    return build_document(an_app())


def parameters(document: Json, path: str, method: str) -> dict[str, Json]:
    found = document["paths"][path][method].get("parameters", [])
    listed = [document["components"]["parameters"][p["$ref"].split("/")[-1]] if "$ref" in p else p for p in found]
    return {one["name"]: one for one in listed}


def test_the_same_routes_give_the_same_bytes() -> None:
    assert render(build_document(an_app())) == render(build_document(an_app()))


def test_an_optional_parameter_may_be_left_out_but_is_never_null(document: Json) -> None:
    found = parameters(document, "/v1/shelves", "get")
    assert found["size"]["schema"] == {"$ref": "#/components/schemas/Size"}
    assert not found["size"]["required"]
    assert "null" not in str(found["cursor"])


def test_requests_are_closed_and_name_their_defaults_in_words(document: Json) -> None:
    create = document["components"]["schemas"]["ShelfCreate"]
    assert create["additionalProperties"] is False
    assert create["required"] == ["name"]
    assert "default" not in str(create)
    assert create["properties"]["size"]["description"] == "`small` when left out."
    assert create["properties"]["opens_at"]["type"] == ["string", "null"]


def test_answers_are_complete_bounded_and_open_to_additions(document: Json) -> None:
    shelf = document["components"]["schemas"]["Shelf"]
    assert shelf["required"] == ["id", "name", "size", "floor", "note", "made_at"]
    assert "additionalProperties" not in shelf
    assert {"maxLength", "pattern"} <= shelf["properties"]["name"].keys()
    assert {"minimum", "maximum", "format"} <= shelf["properties"]["floor"].keys()
    assert shelf["properties"]["made_at"]["format"] == "date-time"
    assert "ShelfPage" in document["components"]["schemas"]


def test_examples_keep_nulls_and_ids(document: Json) -> None:
    answer = document["paths"]["/v1/shelves/{shelf_id}"]["get"]["responses"]["200"]
    example = answer["content"]["application/json"]["example"]
    assert example["note"] is None
    assert example["id"].startswith("org_")
    assert example["size"] is None
    assert example["made_at"] == "2026-03-02T08:15:00Z"


def test_a_patch_is_taken_as_merge_patch_too(document: Json) -> None:
    content = document["paths"]["/v1/shelves/{shelf_id}"]["patch"]["requestBody"]["content"]
    assert list(content) == ["application/merge-patch+json", "application/json"]


def test_conditional_and_idempotent_headers_stand_where_they_work(document: Json) -> None:
    assert "If-Match" in parameters(document, "/v1/shelves/{shelf_id}", "patch")
    assert "If-None-Match" in parameters(document, "/v1/shelves/{shelf_id}", "get")
    assert "Idempotency-Key" in parameters(document, "/v1/shelves", "post")
    assert "Idempotency-Key" not in parameters(document, "/v1/shelves/keys", "post")
    assert "Idempotency-Key" not in parameters(document, "/v1/shelves/{shelf_id}", "delete")
    assert "304" in document["paths"]["/v1/shelves/{shelf_id}"]["get"]["responses"]
    assert "412" in document["paths"]["/v1/shelves/{shelf_id}"]["patch"]["responses"]
    assert "304" not in document["paths"]["/v1/shelves"]["get"]["responses"]


def test_scopes_stand_on_each_operation(document: Json) -> None:
    items = document["paths"]
    assert items["/v1/shelves"]["post"]["security"] == [{"oauth2": ["organizations:write"]}, {"bearer": []}]
    assert items["/v1/shelves/{shelf_id}/boxes"]["get"]["security"] == [{"oauth2": []}, {"bearer": []}]
    assert items["/v1/shelves/keys"]["post"]["security"] == [{}]
    assert "Needs the scope `organizations:write`." in items["/v1/shelves"]["post"]["description"]


def test_errors_are_shared_answers_with_the_operations_own_codes(document: Json) -> None:
    create = document["paths"]["/v1/shelves"]["post"]
    assert create["responses"]["409"]["$ref"] == "#/components/responses/Conflict"
    assert "shelf_closed" in create["x-error-codes"]["409"]
    assert "`shelf_closed`" in create["responses"]["409"]["description"]
    assert "404" not in create["responses"]
    assert "404" in document["paths"]["/v1/shelves/{shelf_id}"]["get"]["responses"]


def test_codes_that_only_a_test_declares_are_not_published(document: Json) -> None:
    assert "shelf_closed" not in document["components"]["schemas"]["ProblemCode"]["enum"]
    assert "validation_failed" in document["components"]["schemas"]["ProblemCode"]["enum"]


def test_links_lead_from_creation_to_what_can_be_done_next(document: Json) -> None:
    links = document["paths"]["/v1/shelves"]["post"]["responses"]["201"]["links"]
    assert set(links) == {"GetShelf", "UpdateShelf", "DeleteShelf", "CountBoxes"}
    assert links["UpdateShelf"]["parameters"] == {
        "shelf_id": "$response.body#/id",
        "header.If-Match": "$response.header.ETag",
    }


def a_broken_app(path: str = "/v1/things", **options: Any) -> FastAPI:
    router = ApiRouter(tags=["things"])

    class Loose(RequestModel):
        word: str
        count: int
        words: list[Name]

    async def endpoint(body: Loose) -> None: ...

    options = {"operation_id": "makeThing", "summary": "Make", "dependencies": WRITE, **options}
    router.post(path, response_model=Boxes, **options)(endpoint)
    app = an_app()
    app.router.routes.extend(router.routes)
    return app


def test_a_request_without_bounds_is_refused_with_every_place() -> None:
    with pytest.raises(ContractError) as refusal:
        build_document(a_broken_app())
    for place in ("Loose.word: a string", "Loose.count: an integer", "Loose.words: an array"):
        assert place in str(refusal.value)


class Fine(RequestModel):
    name: Name


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dependencies": []}, "neither a permission nor a reason"),
        ({"operation_id": "createShelf"}, "are both called createShelf"),
        ({"operation_id": "make_thing"}, "not a camelCase"),
    ],
)
def test_a_route_that_cannot_be_published_is_refused(options: Json, told: str) -> None:
    router = ApiRouter(tags=["things"])

    async def endpoint(body: Fine) -> None: ...

    settings = {"operation_id": "makeThing", "summary": "Make", "dependencies": WRITE, **options}
    router.post("/v1/things", response_model=Boxes, **settings)(endpoint)
    app = an_app()
    app.router.routes.extend(router.routes)
    with pytest.raises(ContractError, match=told):
        build_document(app)
