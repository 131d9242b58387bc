"""Bodies of the tag operations."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import TagRenameId, UserId
from helpdesk_api.domains.tags.enums import TagRenameStatus
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel, Tag


class TagCount(ResponseModel):
    """A tag, and on how many tickets it is."""

    name: str = Field(max_length=50)
    count: int = Field(ge=1)


class TagPage(Page[TagCount]):
    """The tags of tickets that the caller sees, the most frequent first."""

    is_exact: bool = Field(description="False when only the newest 10,000 tickets with tags were counted.")


class TagRenameCreate(RequestModel):
    """Into a name that is there already, the two become one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "vpn-client", "new_name": "vpn"}]})

    name: Tag
    new_name: Tag


class TagRenameRead(ResponseModel):
    """A tag that gets another name on all tickets, little by little."""

    model_config = ConfigDict(title="TagRename")

    id: TagRenameId
    name: str = Field(max_length=50)
    new_name: str = Field(max_length=50)
    created_by_id: UserId
    status: TagRenameStatus
    problem_code: str | None = Field(
        max_length=100, description="Why it failed: `caller_gone`, its author may no longer do it. Else null."
    )
    total: int = Field(ge=0, description="How many tickets had it when it began.")
    done: int = Field(ge=0)
    created_at: Instant
    finished_at: Instant | None


class TagRenamePage(Page[TagRenameRead]):
    """Renames, newest first."""
