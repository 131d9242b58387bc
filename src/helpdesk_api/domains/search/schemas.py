"""Answers of the search over everything."""

from typing import Annotated

from pydantic import Field, StringConstraints

from helpdesk_api.domains.embeddings.enums import SearchEngine
from helpdesk_api.domains.search.enums import SearchKind
from helpdesk_api.web.schemas import Page, ResponseModel

HitId = Annotated[str, StringConstraints(max_length=36, pattern=r"^(tkt|art|usr)_[0-9a-f]{32}$")]

MAX_EXCERPT = 2_000


class SearchHit(ResponseModel):
    """Something that was found."""

    type: SearchKind
    id: HitId = Field(examples=["art_0190a6f3e1d87c3aa1b2c3d4e5f60718"])
    title: str = Field(max_length=200, description="A ticket's subject, an article's title, a person's name.")
    reference: str | None = Field(max_length=24, description="Of a ticket.")
    excerpt: str | None = Field(
        max_length=MAX_EXCERPT,
        description="HTML: escaped text with `<mark>` round the words that match; of a ticket, first the device or the"
        " service that they name.",
    )
    score: float = Field(ge=0, description="By reciprocal rank: from its place among its kind.")


class SearchPage(Page[SearchHit]):
    """The best of each kind, fused by reciprocal rank; always one page."""

    suggestion: str | None = Field(
        max_length=400, description="Did you mean this? From the words of articles, else of tickets."
    )
    engines: list[SearchEngine] = Field(
        max_length=5, description="What was searched by; without `embeddings` by words alone."
    )
