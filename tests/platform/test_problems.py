"""Where a body that does not fit is said to be wrong: at places that it has, or could have."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from helpdesk_api.web.problems import from_validation

_Short = Annotated[str, StringConstraints(max_length=3)]


class _Note(BaseModel):
    text: _Short


class _Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    op: Literal["comment"]
    body: _Note


class _Close(BaseModel):
    op: Literal["close"]


class _Body(BaseModel):
    steps: list[Annotated[_Comment | _Close, Field(discriminator="op")]] = []
    values: dict[_Short, bool | _Short | list[_Short]] = {}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"steps": [{"op": "comment", "body": {"text": "long"}}]}, {"#/steps/0/body/text"}),
        ({"steps": [{"op": "close"}, {"op": "comment", "body": {}}]}, {"#/steps/1/body/text"}),
        ({"steps": [{"op": "comment"}]}, {"#/steps/0/body"}),
        ({"steps": [{"op": "comment", "body": {"text": "x"}, "a/b": 1}]}, {"#/steps/0/a~1b"}),
        ({"steps": [{"op": "other"}]}, {"#/steps/0"}),
        ({"steps": [{}]}, {"#/steps/0"}),
        ({"values": {"a": None}}, {"#/values/a"}),
        ({"values": {"a": ["x", "long"]}}, {"#/values/a", "#/values/a/1"}),
        ({"values": {"long": True}}, {"#/values/long"}),
        ([], {"#"}),
    ],
)
def test_a_pointer_leads_to_a_place_of_the_body(body: Any, pointers: set[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate(body)
    failures: Any = [{**line, "loc": ("body", *line["loc"])} for line in caught.value.errors()]
    assert {error.pointer for error in from_validation(failures, body).errors} == pointers
