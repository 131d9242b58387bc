"""A page of tickets, and what an answer says of the question that it answers."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.conditions.tree import Condition
from helpdesk_api.database.ids import CommentId, TicketId
from helpdesk_api.domains.tickets.highlights import MAX_COMMENTS, MAX_EXCERPT
from helpdesk_api.domains.tickets.schemas import TicketIncluded, TicketRead
from helpdesk_api.domains.tickets.suggestions import MAX_SUGGESTIONS, MAX_WORDS
from helpdesk_api.web.schemas import Page, ResponseModel

Excerpt = Annotated[str, Field(max_length=MAX_EXCERPT, description="With `<mark>`, else escaped.")]
Word = Annotated[str, Field(max_length=500)]
RecordId = Annotated[str, Field(max_length=36, pattern=r"^[a-z]{3}_[0-9a-f]{32}$")]


class TicketCounts(ResponseModel):
    """Facets over the same filters, before paging; keys are statuses, priorities, ids of teams or people or `none`, and
    SLA states or `none`."""

    status: dict[str, int]
    priority: dict[str, int]
    team_id: dict[str, int]
    sla_state: dict[str, int]
    assignee_id: dict[str, int] | None = Field(description="Null but in a view that has its rows in groups by it.")
    is_exact: bool = Field(description="False when only the first 10,000 matches were counted.")


class UnderstoodQuestion(ResponseModel):
    """What the conditions and the query came to mean: names are ids, and spans from now are instants."""

    conditions: Condition
    names: dict[RecordId, str] = Field(
        max_length=200, description="Of the records that the query names, by the id that stands in the conditions."
    )


class CommentHighlight(ResponseModel):
    """Where a comment matches."""

    comment_id: CommentId
    excerpt: Excerpt


class TicketHighlights(ResponseModel):
    """Where a ticket matches. HTML: matches stand in `<mark>`, everything else is escaped."""

    subject: Excerpt | None = Field(description="The whole of it; null when it does not match.")
    description: Excerpt | None
    steps_tried: Excerpt | None
    affected_service: Excerpt | None = Field(description="The whole of it; null when it does not match.")
    comments: list[CommentHighlight] = Field(
        max_length=MAX_COMMENTS, description="The latest that match and the caller may read."
    )


class WordSuggestion(ResponseModel):
    """A word that finds the caller nothing, and words spelt much like it that would."""

    word: Word
    suggestions: list[Word] = Field(max_length=MAX_SUGGESTIONS, description="Likest first.")


class TicketPage(Page[TicketRead]):
    """One page of tickets, with what one screen needs beside them."""

    model_config = ConfigDict(title="TicketPage")

    included: TicketIncluded | None
    counts: TicketCounts | None = Field(description="Null without `counts=true`.")
    understood: UnderstoodQuestion | None = Field(description="Null without conditions and query.")
    highlights: dict[TicketId, TicketHighlights] | None = Field(
        description="By ticket; null without `highlights=true`, and empty without a text."
    )
    order_is_exact: bool = Field(
        description="False when there are more matches than `sort` or a view's grouping puts in order: only the newest "
        "are listed then."
    )
    did_you_mean: list[WordSuggestion] | None = Field(
        max_length=MAX_WORDS, description="When a text finds nothing at all; null otherwise."
    )
