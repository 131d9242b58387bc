"""Answers about the vectors."""

from pydantic import Field

from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.web.schemas import ResponseModel


class EmbeddingProgress(ResponseModel):
    """Of one kind of text."""

    kind: EmbeddedKind
    total_count: int = Field(ge=0, description="All that is to have a vector.")
    embedded_count: int = Field(ge=0, description="That have one of the present model.")
    outdated_count: int = Field(ge=0, description="That have one of another model, which nothing is compared with.")
    waiting_count: int = Field(ge=0, description="New or changed, and not yet made.")
    set_aside_count: int = Field(
        ge=0, description="That the model refused again and again; asked for anew when the text or the model changes."
    )


class EmbeddingIndex(ResponseModel):
    """What is searched by its meaning, and how far that is."""

    model: str | None = Field(
        max_length=120, description="With its version; null where none is set up: words alone are searched."
    )
    kinds: list[EmbeddingProgress] = Field(max_length=5)
