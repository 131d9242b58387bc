"""Bodies of the form operations."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from helpdesk_api.database.ids import FormId
from helpdesk_api.domains.forms.enums import FieldKind, FormAudience
from helpdesk_api.web.schemas import (
    NO_NUL,
    WHOLE_NUMBER,
    Flag,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    absent,
)

_NUMBER = 9_007_199_254_740_991
MAX_FIELDS = 100
FieldKey = Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
_Text = Annotated[str, StringConstraints(strict=True, max_length=10_000, pattern=NO_NUL)]
_Option = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=NO_NUL)]
_Integer = Annotated[StrictInt, Field(ge=-_NUMBER, le=_NUMBER)]
_Float = Annotated[StrictFloat, Field(ge=-_NUMBER, le=_NUMBER)]
CustomValue = StrictBool | _Integer | _Float | _Text | Annotated[list[_Option], Field(max_length=100)]
CustomFields = Annotated[dict[FieldKey, CustomValue | None], Field(max_length=MAX_FIELDS)]
Bound = _Integer | _Float


class FormChoice(RequestModel):
    """One thing to choose; the value is kept, the label is shown."""

    value: _Option
    label: Name


class FieldCondition(RequestModel):
    """The field is asked for only while an earlier one has one of these values."""

    field: FieldKey
    values: Annotated[list[StrictBool | _Option], Field(min_length=1, max_length=50)]


class FormField(RequestModel):
    """One question."""

    key: FieldKey
    kind: FieldKind
    label: Name
    help_text: OptionalText | None = None
    is_required: Flag = Field(default=False, description="False when left out.")
    visible_to: FormAudience = Field(default=FormAudience.EVERYBODY, description="`everybody` when left out.")
    editable_by: FormAudience = Field(default=FormAudience.EVERYBODY, description="`everybody` when left out.")
    choices: Annotated[list[FormChoice], Field(max_length=100)] | None = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    max_length: Annotated[int, Field(ge=1, le=10_000), WHOLE_NUMBER] | None = None
    default: CustomValue | None = Field(
        default=None, description="Filled in by the server where the field applies and is left out, or null."
    )
    visible_if: FieldCondition | None = None


Fields = Annotated[list[FormField], Field(min_length=1, max_length=MAX_FIELDS)]
_EXAMPLE: dict[str, Any] = {
    "name": "New laptop",
    "fields": [
        {
            "key": "model",
            "kind": "choice",
            "label": "Model",
            "is_required": True,
            "choices": [{"value": "light", "label": "Light"}, {"value": "strong", "label": "Strong"}],
        },
        {
            "key": "why_strong",
            "kind": "text",
            "label": "Why a strong one?",
            "is_required": True,
            "visible_if": {"field": "model", "values": ["strong"]},
        },
    ],
}


class FormCreate(RequestModel):
    """A form with its first version."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    description: OptionalText | None = None
    fields: Fields


class FormUpdate(RequestModel):
    """JSON merge patch (RFC 7396). New fields are a new version; tickets keep theirs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "For everybody who starts with us."}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    fields: Fields = absent()


class FormRead(ResponseModel):
    """A form with the fields in force; requesters are shown theirs."""

    model_config = ConfigDict(title="Form")

    id: FormId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    number: int = Field(ge=1, description="Of the version that `fields` shows.")
    fields: list[FormField] = Field(max_length=MAX_FIELDS)
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant


class FormPage(Page[FormRead]):
    """All forms by name."""


class FormSchema(ResponseModel):
    """JSON Schema 2020-12 of what the caller may send as `custom_fields`, where null means left out."""

    dialect: str = Field(alias="$schema", max_length=100)
    title: str = Field(max_length=120)
    type: str = Field(max_length=20)
    properties: dict[str, Any]
    required: list[FieldKey] = Field(max_length=MAX_FIELDS)
    additional_properties: bool = Field(alias="additionalProperties")
    all_of: list[dict[str, Any]] = Field(alias="allOf", max_length=MAX_FIELDS)
