"""Events in the envelope of CloudEvents 1.0, for whoever asks: the event itself is its `data`."""

from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import Request
from pydantic import Field, RootModel
from starlette.responses import Response

from helpdesk_api.database.ids import EventId
from helpdesk_api.domains.audit.schemas import Event
from helpdesk_api.web.schemas import Instant, ResponseModel

BATCH_MEDIA = "application/cloudevents-batch+json"
_ONE_MEDIA = "application/cloudevents+json"
SOURCE = "/v1/events"


class CloudEvent(ResponseModel):
    """An event as CloudEvents 1.0 has it; `source` and `id` together are unique."""

    specversion: Literal["1.0"]
    id: EventId
    source: Literal["/v1/events"]
    type: str = Field(max_length=64, pattern=r"^[a-z_]+\.[a-z_]+$", examples=["ticket.resolved"])
    subject: str = Field(
        max_length=40, pattern=r"^[a-z]{3}_[0-9a-f]{32}$", examples=["tkt_0190a6f3e1d87c3aa1b2c3d4e5f60718"]
    )
    time: Instant
    datacontenttype: Literal["application/json"]
    data: Event


class CloudEventBatch(RootModel[list[CloudEvent]]):
    """Events in order, as the batched mode of CloudEvents over HTTP has it. `Link: rel="next"` goes on behind them."""


def is_wanted(request: Request) -> bool:
    """Because that is what the caller accepts."""
    accepted = request.headers.get("accept", "")
    return BATCH_MEDIA in accepted or _ONE_MEDIA in accepted


def batch(request: Request, page: dict[str, Any]) -> Response:
    """A page of the log as a batch; where to go on stands in `Link`, since a batch has no place for it."""
    events = CloudEventBatch([_enveloped(Event.model_validate(event)) for event in page["data"]])
    query = {**request.query_params, "after": page["complete_through"]}
    headers = {"Link": f'<{SOURCE}?{urlencode(query)}>; rel="next"'}
    return Response(events.model_dump_json(), media_type=BATCH_MEDIA, headers=headers)


def _enveloped(event: Event) -> CloudEvent:
    return CloudEvent(
        specversion="1.0",
        id=event.id,
        source=SOURCE,
        type=event.type,
        subject=event.subject.id,
        time=event.occurred_at,
        datacontenttype="application/json",
        data=event,
    )
