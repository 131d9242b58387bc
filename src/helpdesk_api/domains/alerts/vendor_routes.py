"""Doors at the addresses, with the answers, that clients of PagerDuty and Opsgenie know: they look for no others."""

import time
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.database.session import Database, DatabaseDep
from helpdesk_api.domains.alerts import errors, intake
from helpdesk_api.domains.alerts.alert_schemas import (
    OpsgenieAnswer,
    OpsgenieRefusal,
    PagerDutyAnswer,
    PagerDutyRefusal,
)
from helpdesk_api.domains.alerts.enums import AlertAction, AlertKind
from helpdesk_api.domains.alerts.errors import UnreadableAlert
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.intake import Gate
from helpdesk_api.domains.alerts.intake_routes import ANY_BODY, BY_KEY, GateDep, place_of
from helpdesk_api.domains.alerts.senders import opsgenie, pagerduty
from helpdesk_api.domains.alerts.senders.incoming import json_object
from helpdesk_api.domains.alerts.senders.pagerduty import InvalidEvent
from helpdesk_api.web.errors import ProblemError, documents
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v2", tags=["alert-intake"])
_PAGERDUTY_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": PagerDutyRefusal, "description": "Refused in PagerDuty's form."},
    413: {"model": PagerDutyRefusal, "description": "More than 512 kB, in PagerDuty's form."},
    429: {"model": PagerDutyRefusal, "description": "Too many at once, in PagerDuty's form: send it again."},
}
_OPSGENIE_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": OpsgenieRefusal, "description": "The key is unknown, in Opsgenie's form."},
    403: {"model": OpsgenieRefusal, "description": "The integration is switched off or of another kind."},
    422: {"model": OpsgenieRefusal, "description": "Refused in Opsgenie's form."},
    429: {"model": OpsgenieRefusal, "description": "Too many at once, in Opsgenie's form: send it again."},
}
Alias = Annotated[str, Path(max_length=opsgenie.MAX_ALIAS, pattern=r"^[^\x00/]+$", examples=["disk-7"])]
IdentifierType = Annotated[
    str | None,
    Query(
        alias="identifierType", max_length=10, pattern="^(alias|id|tiny)$", description="Only aliases are known here."
    ),
]


def _refused(status: int, text: str, message: str, problems: list[str]) -> Response:
    headers = {"Retry-After": "2"} if status == 429 else {}  # noqa: PLR2004
    return JSONResponse({"status": text, "message": message, "errors": problems}, status, headers)


@router.post(
    "/enqueue",
    operation_id="enqueuePagerDutyEvent",
    summary="Send a PagerDuty event",
    status_code=202,
    response_model=PagerDutyAnswer,
    dependencies=[public(BY_KEY)],
    responses=_PAGERDUTY_REFUSALS,
    openapi_extra=ANY_BODY,
)
async def enqueue_event(request: Request, database: DatabaseDep, gate: GateDep, response: Response) -> Any:
    """The Events API v2 of PagerDuty: the routing key is in the body. What is dropped is answered as success there."""
    incoming = await intake.read_incoming(request)
    if len(incoming.body) > pagerduty.MAX_BODY:
        problem = f"The event is larger than {pagerduty.MAX_BODY} bytes"
        return _refused(413, "invalid event", "Event object is invalid", [problem])
    try:
        body = json_object(incoming)
        key = body.get("routing_key")
        integration = await intake.find_integration(
            database, key if isinstance(key, str) else None, AlertKind.PAGERDUTY
        )
        intake.check_signature(integration, incoming)
        [result] = await intake.take(gate, database, integration, [pagerduty.event(body)])
    except InvalidEvent as error:
        return _refused(400, "invalid event", "Event object is invalid", error.problems)
    except UnreadableAlert as error:
        return _refused(400, "invalid event", "Event object is invalid", [error.detail])
    except (errors.InvalidRoutingKey, errors.AlertIntegrationInactive, errors.AlertKindMismatch):
        return _refused(400, "invalid event", "Event object is invalid", ["'routing_key' is missing or invalid"])
    except errors.InvalidAlertSignature as error:
        return _refused(400, "invalid event", "Event object is invalid", [error.detail])
    except errors.AlertIntakeBusy:
        return _refused(429, "throttle exceeded", "Too many events are waiting; send it again", [])
    response.headers["Location"] = place_of(result)
    return {"status": "success", "message": "Event processed", "dedup_key": result["dedup_key"]}


@router.post(
    "/alerts",
    operation_id="createOpsgenieAlert",
    summary="Create an Opsgenie alert",
    status_code=202,
    response_model=OpsgenieAnswer,
    dependencies=[public(BY_KEY)],
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert)},
    openapi_extra=ANY_BODY,
)
async def create_alert(request: Request, database: DatabaseDep, gate: GateDep, response: Response) -> Any:
    """Opsgenie's alert API, with the routing key as `GenieKey`. The same alias counts on the same alert."""
    return await _opsgenie(request, database, gate, response, opsgenie.created)


@router.post(
    "/alerts/{identifier}/close",
    operation_id="closeOpsgenieAlert",
    summary="Close an Opsgenie alert",
    status_code=202,
    response_model=OpsgenieAnswer,
    dependencies=[public(BY_KEY)],
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert)},
    openapi_extra=ANY_BODY,
)
async def close_alert(
    identifier: Alias,
    request: Request,
    database: DatabaseDep,
    gate: GateDep,
    response: Response,
    identifier_type: IdentifierType = None,
) -> Any:
    """By its alias; without an open alert nothing is done, as there."""
    del identifier_type

    def read(body: dict[str, Any]) -> AlertFact:
        return opsgenie.ended(identifier, body, AlertAction.RESOLVE)

    return await _opsgenie(request, database, gate, response, read)


@router.post(
    "/alerts/{identifier}/acknowledge",
    operation_id="acknowledgeOpsgenieAlert",
    summary="Acknowledge an Opsgenie alert",
    status_code=202,
    response_model=OpsgenieAnswer,
    dependencies=[public(BY_KEY)],
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert)},
    openapi_extra=ANY_BODY,
)
async def acknowledge_alert(
    identifier: Alias,
    request: Request,
    database: DatabaseDep,
    gate: GateDep,
    response: Response,
    identifier_type: IdentifierType = None,
) -> Any:
    """By its alias. Who acknowledged gets the ticket, when `user` is the address of somebody here."""
    del identifier_type

    def read(body: dict[str, Any]) -> AlertFact:
        return opsgenie.ended(identifier, body, AlertAction.ACKNOWLEDGE)

    return await _opsgenie(request, database, gate, response, read)


async def _opsgenie(request: Request, database: Database, gate: Gate, response: Response, read: Any) -> Any:
    began, request_id = time.perf_counter(), str(uuid4())
    try:
        key = intake.routing_key_of(request, None)
        integration = await intake.find_integration(database, key, AlertKind.OPSGENIE)
        incoming = await intake.read_incoming(request)
        intake.check_signature(integration, incoming)
        fact = read(json_object(incoming) if incoming.body else {})
        [result] = await intake.take(gate, database, integration, [fact])
    except (errors.InvalidRoutingKey, errors.InvalidAlertSignature) as error:
        return _opsgenie_refused(401, error, request_id)
    except (errors.AlertIntegrationInactive, errors.AlertKindMismatch) as error:
        return _opsgenie_refused(403, error, request_id)
    except UnreadableAlert as error:
        return _opsgenie_refused(422, error, request_id)
    except errors.AlertIntakeBusy as error:
        return _opsgenie_refused(429, error, request_id)
    response.headers["Location"] = place_of(result)
    took = round(time.perf_counter() - began, 3)
    return {"result": "Request will be processed", "took": took, "requestId": request_id}


def _opsgenie_refused(status: int, error: ProblemError, request_id: str) -> Response:
    headers = {"Retry-After": "2"} if status == 429 else {}  # noqa: PLR2004
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "GenieKey"
    return JSONResponse({"message": error.detail, "took": 0.0, "requestId": request_id}, status, headers)
