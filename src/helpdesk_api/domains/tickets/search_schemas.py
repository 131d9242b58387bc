"""The body of a search: the condition tree, the query, and how much of the answer is wanted."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.conditions.tree import ConditionTree
from helpdesk_api.domains.tickets.enums import TicketInclude
from helpdesk_api.domains.tickets.filters import SORT_DESCRIPTION, SORT_PATTERN
from helpdesk_api.web.listing import MAX_LIMIT
from helpdesk_api.web.schemas import WHOLE_NUMBER, CursorText, Flag, QueryText, RequestModel

SortText = Annotated[str, Field(max_length=80, pattern=SORT_PATTERN)]


class TicketSearch(RequestModel):
    """What is asked, and how much of the answer; all parts narrow it, and an empty body asks for everything."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "conditions": {
                        "all": [
                            {"field": "status", "op": "in", "value": ["open", "pending"]},
                            {"field": "text", "op": "matches", "value": "vpn drops"},
                            {"field": "created_at", "op": "gte", "value": "-7d"},
                        ]
                    },
                    "sort": "-priority",
                    "include": ["assignee"],
                    "limit": 50,
                }
            ]
        }
    )

    conditions: ConditionTree | None = Field(
        default=None,
        description="The fields of stored rules, and `text` (with `matches`), `is_watched`, `is_shared`, `reference`, "
        "`number`, `rating`, `updated_at`, `assigned_at`, `resolved_at`, `closed_at`, `sla_due_at`, `sla_state`, and "
        "`cf_` with the key of a custom field (the staff's own ones by the staff; see `FieldKind` for what each kind "
        "knows), of an asset also `cf_laptop.id` and `cf_laptop.label`. `me` is the caller; "
        "an instant may be a span from now such as `-7d` (m, h, d, w).",
    )
    query: QueryText | None = Field(default=None, description="The search language, as in `GET /v1/tickets`.")
    sort: SortText | None = Field(default=None, description=SORT_DESCRIPTION)
    include: Annotated[list[TicketInclude], Field(max_length=20)] | None = Field(
        default=None, description="What to bring along, once each."
    )
    counts: Flag | None = Field(default=None, description="Facets over the same tickets; false when left out.")
    highlights: Flag | None = Field(
        default=None, description="Where the text was found, with the matches marked; false when left out."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE_NUMBER] | None = Field(
        default=None, description="Rows on a page; 50 when left out."
    )
    cursor: CursorText | None = Field(default=None, description="From `next_cursor` or `prev_cursor`.")
    include_total: Flag | None = Field(default=None, description="Count the whole list too; false when left out.")
