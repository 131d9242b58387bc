"""Doors at the addresses, with the answers, that clients of PagerDuty and Opsgenie know: they look for no others."""

import time
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.database.session import Database, DatabaseDep, ReadSessionDep
from helpdesk_api.domains.alerts import errors, intake
from helpdesk_api.domains.alerts.alert_schemas import (
    OpsgenieAnswer,
    OpsgenieRefusal,
    OpsgenieRequestAnswer,
    PagerDutyAnswer,
    PagerDutyChangeAnswer,
    PagerDutyRefusal,
)
from helpdesk_api.domains.alerts.enums import AlertAction, AlertKind, AlertOutcome
from helpdesk_api.domains.alerts.errors import UnreadableAlert
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.intake import Gate
from helpdesk_api.domains.alerts.intake_routes import ANY_BODY, BY_KEY, GateDep, place_of
from helpdesk_api.domains.alerts.queries import get_own_alert
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
_OPSGENIE_UNKNOWN: dict[int | str, dict[str, Any]] = {
    401: _OPSGENIE_REFUSALS[401],
    403: _OPSGENIE_REFUSALS[403],
    404: {"model": OpsgenieRefusal, "description": "No request of this integration, in Opsgenie's form."},
}
_NO_KEY = "'routing_key' is missing or invalid"
RequestId = Annotated[UUID, Path(description="From the answer to the request.")]
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


def _invalid(problems: list[str], status: int = 400) -> Response:
    return _refused(status, "invalid event", "Event object is invalid", problems)


def _too_large() -> Response:
    return _invalid([f"The event is larger than {pagerduty.MAX_BODY} bytes"], 413)


@router.post(
    "/enqueue",
    operation_id="enqueuePagerDutyEvent",
    summary="Send a PagerDuty event",
    status_code=202,
    response_model=PagerDutyAnswer,
    dependencies=[public(BY_KEY)],
    responses={**_PAGERDUTY_REFUSALS, **documents(errors.AlertSecretUnreadable)},
    openapi_extra=ANY_BODY,
)
async def enqueue_event(request: Request, database: DatabaseDep, gate: GateDep, response: Response) -> Any:
    """The Events API v2 of PagerDuty: the routing key is in the body. What is dropped is answered as success there."""
    incoming = await intake.read_incoming(request)
    if len(incoming.body) > pagerduty.MAX_BODY:
        return _too_large()
    try:
        body = json_object(incoming)
        key = body.get("routing_key")
        integration = await intake.find_integration(
            database, key if isinstance(key, str) else None, AlertKind.PAGERDUTY
        )
        intake.check_signature(integration, incoming)
        [result] = await intake.take(gate, database, integration, [pagerduty.event(body)])
    except InvalidEvent as error:
        return _invalid(error.problems)
    except UnreadableAlert as error:
        return _invalid([error.detail])
    except (errors.InvalidRoutingKey, errors.AlertIntegrationInactive, errors.AlertKindMismatch):
        return _invalid([_NO_KEY])
    except errors.InvalidAlertSignature as error:
        return _invalid([error.detail])
    except errors.AlertIntakeBusy:
        return _refused(429, "throttle exceeded", "Too many events are waiting; send it again", [])
    response.headers["Location"] = place_of(result)
    return {"status": "success", "message": "Event processed", "dedup_key": result["dedup_key"]}


@router.post(
    "/change/enqueue",
    operation_id="enqueuePagerDutyChange",
    summary="Send a PagerDuty change event",
    status_code=202,
    response_model=PagerDutyChangeAnswer,
    dependencies=[public(BY_KEY)],
    responses=_PAGERDUTY_REFUSALS,
    openapi_extra=ANY_BODY,
)
async def enqueue_change(request: Request, database: DatabaseDep, response: Response) -> Any:
    """A change of something, by the same routing key. It is no disturbance: it opens and changes no ticket, and is not
    kept. Taken so that a sender of both goes on."""
    incoming = await intake.read_incoming(request)
    if len(incoming.body) > pagerduty.MAX_BODY:
        return _too_large()
    try:
        body = json_object(incoming)
        key = body.get("routing_key")
        await intake.find_integration(database, key if isinstance(key, str) else None, AlertKind.PAGERDUTY)
    except UnreadableAlert as error:
        return _invalid([error.detail])
    except (errors.InvalidRoutingKey, errors.AlertIntegrationInactive, errors.AlertKindMismatch):
        return _invalid([_NO_KEY])
    problems = pagerduty.change_problems_of(body)
    if problems:
        return _invalid(problems)
    response.headers["Location"] = place_of({})
    return {"status": "success", "message": "Change event processed"}


@router.post(
    "/alerts",
    operation_id="createOpsgenieAlert",
    summary="Create an Opsgenie alert",
    status_code=202,
    response_model=OpsgenieAnswer,
    dependencies=[public(BY_KEY)],
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert, errors.AlertSecretUnreadable)},
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
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert, errors.AlertSecretUnreadable)},
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
    responses={**_OPSGENIE_REFUSALS, **documents(UnreadableAlert, errors.AlertSecretUnreadable)},
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
    came_to_something = result["outcome"] not in {AlertOutcome.DROPPED, AlertOutcome.REJECTED}
    done = opsgenie.request_id(fact.action, result["alert_id"] if came_to_something else None)
    return {"result": "Request will be processed", "took": _since(began), "requestId": str(done)}


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


@router.get(
    "/alerts/requests/{request_id}",
    operation_id="getOpsgenieRequest",
    summary="Ask what came of an Opsgenie request",
    response_model=OpsgenieRequestAnswer,
    dependencies=[public(BY_KEY)],
    responses=_OPSGENIE_UNKNOWN,
    # Beside `/alerts/{identifier}/close` the vendor's own path is ambiguous, which a contract must not be.
    include_in_schema=False,
)
async def get_request(request_id: RequestId, request: Request, database: DatabaseDep, reads: ReadSessionDep) -> Any:
    """By the `requestId` of the answer to a request, with the same key. What was asked for is done by then."""
    began = time.perf_counter()
    try:
        key = intake.routing_key_of(request, None)
        integration = await intake.find_integration(database, key, AlertKind.OPSGENIE)
    except errors.InvalidRoutingKey as error:
        return _opsgenie_refused(401, error, str(request_id))
    except (errors.AlertIntegrationInactive, errors.AlertKindMismatch) as error:
        return _opsgenie_refused(403, error, str(request_id))
    came = opsgenie.what_came_of(request_id)
    action, status, alert_id = came if came is not None else ("", "", None)
    alert = await get_own_alert(reads, integration.id, alert_id) if alert_id is not None else None
    if came is None or (alert_id is not None and alert is None):
        unknown = {"message": "Request not found.", "took": _since(began), "requestId": str(request_id)}
        return JSONResponse(unknown, HTTPStatus.NOT_FOUND)
    instants = {"Acknowledge": "acknowledged_at", "Close": "resolved_at"}
    return {
        "data": {
            "success": alert is not None,
            "isSuccess": alert is not None,
            "action": action,
            "status": status,
            "processedAt": alert[instants.get(action, "last_seen_at")] if alert is not None else None,
            "integrationId": integration.id,
            "alertId": alert_id,
            "alias": alert["dedup_key"] if alert is not None else None,
        },
        "took": _since(began),
        "requestId": str(request_id),
    }


def _opsgenie_refused(status: int, error: ProblemError, request_id: str) -> Response:
    headers = {"Retry-After": "2"} if status == 429 else {}  # noqa: PLR2004
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "GenieKey"
    return JSONResponse({"message": error.detail, "took": 0.0, "requestId": request_id}, status, headers)
