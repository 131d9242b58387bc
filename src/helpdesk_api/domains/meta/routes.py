"""`GET /v1/meta`."""

from fastapi import Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.domains.meta import queries
from helpdesk_api.domains.meta.schemas import Meta
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/meta", tags=["meta"], about="What clients show and mind, read once.")


@router.get(
    "",
    operation_id="getMeta",
    summary="Read labels and limits",
    response_model=Meta,
    dependencies=[public("says no more than the contract does, and a sign-in page shows it too")],
    openapi_extra={"x-etag": True},
)
async def get_meta(request: Request) -> Response:
    """Every enum of the contract with its labels in English and German, and this deployment's limits."""
    meta = Meta(enums=queries.enums(), limits=queries.limits(request.app.state.settings))
    body = meta.model_dump_json().encode()
    return Response(body, media_type="application/json")
