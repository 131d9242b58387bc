"""Tags over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import TagRenameId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.tags import errors, queries, renaming
from helpdesk_api.domains.tags.schemas import TagPage, TagRenameCreate, TagRenamePage, TagRenameRead
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/tags",
    tags=["tags"],
    about=(
        "A rename gives a tag another name on all tickets, in small steps; into a name that is there already it merges "
        "the two. Conditions of views, macros, routing rules and webhooks, questions of views in the search language, "
        "and what macros, rules and ticket templates set, follow at once. A published service level policy stands in "
        "the way."
    ),
)
rename_router = ApiRouter(prefix="/v1/tag-renames", tags=["tags"])
_READ = [requires(Permission.TICKETS_READ)]
_CONFIGURE = [requires(Permission.CONFIGURATION_WRITE)]
SECONDS = "2"


@router.get("", operation_id="listTags", summary="List tags", response_model=TagPage, dependencies=_READ)
async def list_tags(
    principal: PrincipalDep,
    reads: ReadSessionDep,
    prefix: Annotated[
        str | None, Query(min_length=1, max_length=50, pattern=r"^[^\x00,]*$", description="Those that begin with it.")
    ] = None,
) -> Any:
    """With the number of tickets that the caller sees; the 500 most frequent."""
    return await queries.list_tags(reads, principal, prefix=prefix)


@rename_router.post(
    "",
    operation_id="createTagRename",
    summary="Rename or merge a tag",
    status_code=202,
    response_model=TagRenameRead,
    dependencies=_CONFIGURE,
    responses=documents(errors.TagUnchanged, errors.TagInPolicy, errors.TagNotInQueries, errors.TagRenameRunning),
)
async def create_tag_rename(
    body: TagRenameCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """One at a time. Each ticket's history shows it."""
    rename = await renaming.begin(session, principal, body)
    response.headers["Location"] = f"/v1/tag-renames/{public_id('tag', rename.id)}"
    response.headers["Retry-After"] = SECONDS
    return rename


@rename_router.get(
    "",
    operation_id="listTagRenames",
    summary="List renames",
    response_model=TagRenamePage,
    dependencies=_CONFIGURE,
    responses=documents(InvalidCursor),
)
async def list_tag_renames(page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first."""
    answer = await queries.list_renames(reads, page)
    add_links(response, page, answer)
    return answer


@rename_router.get(
    "/{tag_rename_id}",
    operation_id="getTagRename",
    summary="See how far a rename is",
    response_model=TagRenameRead,
    dependencies=_CONFIGURE,
    responses=documents(errors.TagRenameNotFound),
)
async def get_tag_rename(tag_rename_id: TagRenameId, reads: ReadSessionDep, response: Response) -> Any:
    """With its ETag, asking again costs next to nothing while nothing has moved."""
    row = await queries.get_rename(reads, tag_rename_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


ROUTERS = (router, rename_router)
