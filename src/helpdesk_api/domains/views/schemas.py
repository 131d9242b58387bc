"""Bodies of the view operations."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import TeamId, UserId, ViewId
from helpdesk_api.domains.tickets.search_schemas import SortText
from helpdesk_api.domains.views.enums import ViewAction, ViewColumn, ViewGrouping, ViewRefusal, ViewScope
from helpdesk_api.web.schemas import Instant, Name, Page, QueryText, RequestModel, ResponseModel, absent

Columns = Annotated[list[ViewColumn], Field(max_length=len(ViewColumn))]
_CONDITIONS = "As in `POST /v1/tickets/search`; `me` is whoever opens the view."
_COLUMNS = "Reference, subject, status, priority when left out; each counts once."
_QUERY = "The search language, as in `GET /v1/tickets`."


class ViewCreate(RequestModel):
    """A question and its layout; conditions and query both narrow it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Mine, late first",
                    "scope": "personal",
                    "query": "is:open assignee:me",
                    "sort": "sla_due_at",
                    "columns": ["reference", "subject", "priority", "sla_due_at"],
                    "group_by": "priority",
                }
            ]
        }
    )

    name: Name
    scope: ViewScope
    team_id: TeamId | None = Field(default=None, description="Whose it is, for the scope `team`.")
    conditions: ConditionTree | None = Field(default=None, description=_CONDITIONS)
    query: QueryText | None = Field(default=None, description=_QUERY)
    sort: SortText | None = Field(default=None, description="As in `GET /v1/tickets`.")
    columns: Columns | None = Field(default=None, description=_COLUMNS)
    group_by: ViewGrouping | None = None


class ViewUpdate(RequestModel):
    """JSON merge patch (RFC 7396); the scope stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sort": "-priority", "group_by": None}]})

    name: Name = absent()
    conditions: ConditionTree | None = absent()
    query: QueryText | None = absent()
    sort: SortText | None = absent()
    columns: Columns = absent()
    group_by: ViewGrouping | None = absent()


class ViewAllowedAction(ResponseModel):
    """One thing that the caller may or may not do with a view, and why not."""

    action: ViewAction
    allowed: bool
    reason_code: ViewRefusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


class ViewRead(ResponseModel):
    """A saved question about tickets."""

    model_config = ConfigDict(title="View", from_attributes=True)

    id: ViewId
    name: str = Field(max_length=120)
    scope: ViewScope
    owner_id: UserId
    team_id: TeamId | None
    conditions: Condition | None
    query: str | None = Field(max_length=2_000)
    sort: str | None = Field(max_length=80)
    columns: Columns
    group_by: ViewGrouping | None
    created_at: Instant
    updated_at: Instant
    allowed_actions: list[ViewAllowedAction] = Field(max_length=10)


class ViewPage(Page[ViewRead]):
    """The caller's views by name."""


class ViewCount(ResponseModel):
    """How many tickets a view shows the caller."""

    view_id: ViewId
    count: int | None = Field(ge=0, le=1_000, description="Null when its question can no longer be asked.")
    is_exact: bool = Field(description="False beyond 1,000.")


class ViewCountPage(Page[ViewCount]):
    """Counts in the order of the views' names."""
