"""Is it alive, is it ready, and how is it doing; for balancers and Prometheus."""

from typing import Literal

from fastapi import Request
from pydantic import ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.database.session import DatabaseDep
from helpdesk_api.web.errors import ServiceUnavailable, documents
from helpdesk_api.web.metrics import render_metrics
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import ResponseModel

router = ApiRouter(tags=["operations"])


class Health(ResponseModel):
    """It answers, so it is `ok`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"]


@router.get(
    "/livez",
    operation_id="getLiveness",
    summary="Is the process alive",
    response_model=Health,
    dependencies=[public("a balancer has no account")],
)
async def livez() -> Health:
    """Says nothing of the database: a process that waits for one must not be killed."""
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Can it serve",
    response_model=Health,
    dependencies=[public("a balancer has no account")],
    responses=documents(ServiceUnavailable),
)
async def readyz(database: DatabaseDep) -> Health:
    """Asks the database; raises `unavailable` (503) while it does not answer."""
    try:
        async with database.reads() as reads:
            await reads.fetch_value(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        message = "The database does not answer."
        raise ServiceUnavailable(message, headers={"Retry-After": "5"}) from error
    return Health(status="ok")


@router.get(
    "/metrics",
    include_in_schema=False,
    dependencies=[public("Prometheus scrapes it; keep it off the public side of the balancer")],
)
async def metrics(request: Request) -> Response:
    """Prometheus' text format, of this process."""
    del request
    body, media_type = render_metrics()
    return Response(body, media_type=media_type)


ROUTERS = (router,)
