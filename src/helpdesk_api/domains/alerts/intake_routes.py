"""The doors of alerts over HTTP: open to whoever has a routing key."""

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database, DatabaseDep
from helpdesk_api.domains.alerts import amazon, errors, intake
from helpdesk_api.domains.alerts.alert_schemas import AlertIntake
from helpdesk_api.domains.alerts.enums import AlertKind
from helpdesk_api.domains.alerts.intake import Gate, gate_of
from helpdesk_api.domains.alerts.senders import Incoming, aws_sns, read_alerts, uptime_kuma
from helpdesk_api.web.errors import documents
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter
from helpdesk_api.web.schemas import NO_NUL

router = ApiRouter(
    prefix="/v1/alert-intake",
    tags=["alert-intake"],
    about=(
        "Where monitoring tools post their alerts, in their own form. The routing key names the integration and with "
        "it the kind; it comes as `X-Routing-Key`, as bearer token, as basic password, or in the path."
    ),
)
GateDep = Annotated[Gate, Depends(gate_of)]
RoutingKeyHeader = Annotated[
    str | None,
    Header(
        alias="X-Routing-Key",
        max_length=intake.MAX_ROUTING_KEY,
        pattern=r"^[\x21-\x7e]*$",
        description="The integration's key. Basic and bearer are taken too.",
    ),
]
RoutingKeyPath = Annotated[
    str,
    Path(max_length=intake.MAX_ROUTING_KEY, pattern=r"^[\x21-\x7e]+$", examples=["0190a6f3e1d87c3aa1b2c3d4e5f60718"]),
]
KumaText = Annotated[
    str | None, Query(max_length=20_000, pattern=NO_NUL, description="As Uptime Kuma writes it: text, or JSON as text.")
]
BY_KEY = "senders sign in by a routing key, and by a signature where the integration asks for one"
ANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The body as the sender makes it; any content type is taken.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "maxLength": 1_048_576}}
        },
    },
    NO_IDEMPOTENCY: True,
}
REFUSALS = (
    errors.InvalidRoutingKey,
    errors.InvalidAlertSignature,
    errors.AlertIntegrationInactive,
    errors.AlertKindMismatch,
    errors.UnreadableAlert,
    errors.AlertBodyTooLarge,
    errors.AlertIntakeBusy,
    errors.AlertSecretUnreadable,
)


@router.post(
    "",
    operation_id="sendAlerts",
    summary="Send alerts",
    status_code=202,
    response_model=AlertIntake,
    dependencies=[public(BY_KEY)],
    responses=documents(*REFUSALS),
    openapi_extra=ANY_BODY,
)
async def send_alerts(
    request: Request,
    database: DatabaseDep,
    gate: GateDep,
    response: Response,
    routing_key: RoutingKeyHeader = None,
) -> Any:
    """Everything is stored when the answer is sent, which says what became of each alert.

    A repetition counts on its alert. To send the same body again is harmless.
    """
    return await _taken(request, database, gate, intake.routing_key_of(request, routing_key), response)


@router.post(
    "/{routing_key}",
    operation_id="sendAlertsByKey",
    summary="Send alerts with the key in the path",
    status_code=202,
    response_model=AlertIntake,
    dependencies=[public(BY_KEY)],
    responses=documents(*REFUSALS),
    openapi_extra=ANY_BODY,
)
async def send_alerts_by_key(
    routing_key: RoutingKeyPath, request: Request, database: DatabaseDep, gate: GateDep, response: Response
) -> Any:
    """For senders that cannot set a header. Paths end up in logs of proxies, so prefer a header."""
    return await _taken(request, database, gate, routing_key, response)


@router.get(
    "",
    operation_id="notifyByGet",
    summary="Notify by GET, as Uptime Kuma can",
    response_model=AlertIntake,
    dependencies=[public(BY_KEY)],
    responses=documents(*REFUSALS),
)
async def notify_by_get(
    *,
    database: DatabaseDep,
    gate: GateDep,
    request: Request,
    msg: KumaText = None,
    heartbeat: KumaText = None,
    monitor: KumaText = None,
    routing_key: RoutingKeyHeader = None,
) -> Any:
    """What its webhook posts, as parameters. To send the same again is harmless here, too: it counts once more."""
    key = intake.routing_key_of(request, routing_key)
    return await _notified(database, gate, key, uptime_kuma.of_parameters(msg, heartbeat, monitor))


@router.get(
    "/{routing_key}",
    operation_id="notifyByGetAndKey",
    summary="Notify by GET with the key in the path",
    response_model=AlertIntake,
    dependencies=[public(BY_KEY)],
    responses=documents(*REFUSALS),
)
async def notify_by_get_and_key(
    *,
    routing_key: RoutingKeyPath,
    database: DatabaseDep,
    gate: GateDep,
    msg: KumaText = None,
    heartbeat: KumaText = None,
    monitor: KumaText = None,
) -> Any:
    """For an Uptime Kuma that is given an address and nothing else."""
    return await _notified(database, gate, routing_key, uptime_kuma.of_parameters(msg, heartbeat, monitor))


async def _notified(database: Database, gate: Gate, key: str | None, incoming: Incoming) -> Any:
    integration = await intake.find_integration(database, key, AlertKind.UPTIME_KUMA)
    # There is no body that could be signed, so an integration that asks for a signature takes none of these.
    intake.check_signature(integration, Incoming(b""))
    facts = read_alerts(integration.kind, incoming, intake.settings_of(integration))
    return answered(await intake.take(gate, database, integration, facts))


async def _taken(request: Request, database: Database, gate: Gate, key: str | None, response: Response) -> Any:
    integration = await intake.find_integration(database, key)
    incoming = await intake.read_incoming(request)
    intake.check_signature(integration, incoming)
    if integration.kind is AlertKind.AWS_SNS:
        message, certificates = aws_sns.envelope(incoming), amazon.certificates_of(request)
        await amazon.check_message(certificates, message)
        await amazon.confirm(certificates, integration, message)
    facts = read_alerts(integration.kind, incoming, intake.settings_of(integration))
    results = await intake.take(gate, database, integration, facts)
    response.headers["Location"] = place_of(_only(results))
    return answered(results)


def answered(results: list[dict[str, Any]]) -> dict[str, Any]:
    only = _only(results)
    return {
        "status": "accepted",
        "dedup_key": only.get("dedup_key"),
        "ticket_id": only.get("ticket_id"),
        "ticket_reference": only.get("ticket_reference"),
        "alerts": results,
    }


def _only(results: list[dict[str, Any]]) -> dict[str, Any]:
    return results[0] if len(results) == 1 else {}


def place_of(result: dict[str, Any]) -> str:
    """Where the alert can be read, or all of them."""
    alert_id = result.get("alert_id")
    return f"/v1/alerts/{public_id('alt', alert_id)}" if alert_id is not None else "/v1/alerts"
