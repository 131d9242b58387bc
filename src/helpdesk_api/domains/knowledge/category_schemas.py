"""Bodies of the operations on categories of articles."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ArticleCategoryId, UserId
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    absent,
)

Position = Annotated[
    int,
    Field(ge=0, le=10_000, description="Order among its siblings; equal ones go by name."),
    WHOLE_NUMBER,
]


class ArticleCategoryCreate(RequestModel):
    """A place in the tree; without a parent it is a root."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Printing", "description": "Paper and toner"}]})

    name: Name
    description: OptionalText | None = None
    parent_id: ArticleCategoryId | None = None
    owner_id: UserId | None = Field(
        default=None, description="Of the staff: approves its articles; whoever owns the one above when left out."
    )
    position: Position = Field(default=0, description="Order among its siblings; 0 when left out.")


class ArticleCategoryUpdate(RequestModel):
    """JSON merge patch (RFC 7396): a missing field stays, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Printing and scanning"}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    parent_id: ArticleCategoryId | None = absent()
    owner_id: UserId | None = absent()
    position: Position = absent()


class ArticleCategoryRead(ResponseModel):
    """A category of articles; a retired one keeps those that it has and takes no more."""

    model_config = ConfigDict(title="ArticleCategory", from_attributes=True)

    id: ArticleCategoryId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    parent_id: ArticleCategoryId | None
    owner_id: UserId | None
    approver_id: UserId | None = Field(description="Its owner or that of the nearest one above; null: administrators.")
    position: int = Field(ge=0, le=10_000)
    retired_at: Instant | None
    created_at: Instant
    updated_at: Instant


class ArticleCategoryPage(Page[ArticleCategoryRead]):
    """One page of the tree, by position and name."""
