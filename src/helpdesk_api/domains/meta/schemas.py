"""What the contract's words are called, and how far things go here."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.web.schemas import ResponseModel

EnumName = Annotated[str, Field(pattern="^[A-Z][A-Za-z]{1,60}$")]


class Labels(ResponseModel):
    """A name in each language of the product."""

    en: str = Field(max_length=200, examples=["On hold"])
    de: str = Field(max_length=200, examples=["Zurückgestellt"])


class EnumValue(ResponseModel):
    """One value of an enum, in the contract's order."""

    value: str = Field(max_length=64, examples=["pending"])
    labels: Labels


class Limits(ResponseModel):
    """What this deployment refuses beyond; seconds where the name says so."""

    page_rows: int = Field(ge=1, description="The largest `limit` of a list.")
    body_bytes: int = Field(ge=1, description="Of a request without a file.")
    attachment_bytes: int = Field(ge=1, description="Of one file.")
    attachments: int = Field(ge=1, description="Of one comment, or of a ticket when it is opened.")
    requests_per_minute: int = Field(ge=1, description="By one caller; `RateLimit` tells what is left.")
    idempotency_key_characters: int = Field(ge=1)
    idempotency_seconds: int = Field(ge=1, description="How long a key answers the same.")
    query_characters: int = Field(ge=1, description="Of a question in the search language.")
    condition_depth: int = Field(ge=1)
    condition_leaves: int = Field(ge=1)
    bulk_tickets: int = Field(ge=1, description="In one bulk request.")
    bulk_job_tickets: int = Field(ge=1, description="In one bulk job.")
    views: int = Field(ge=1, description="Of one's own; of one team; shared ones.")
    form_fields: int = Field(ge=1)
    category_levels: int = Field(ge=1)
    family_levels: int = Field(ge=1, description="From the root ticket to the youngest.")
    children: int = Field(ge=1, description="Of one ticket.")
    reopen_window_seconds: int = Field(ge=0, description="How long a requester may dispute a resolution.")
    auto_close_seconds: int = Field(ge=1, description="After which an unanswered resolution closes.")
    comment_edit_seconds: int = Field(ge=0, description="How long an author may change a comment.")


class Meta(ResponseModel):
    """Everything at once, so that it is read once."""

    model_config = ConfigDict(title="Meta")

    enums: dict[EnumName, list[EnumValue]] = Field(
        description="By the name of the schema; cause and remedy of each problem are at `GET /v1/problems`."
    )
    limits: Limits
