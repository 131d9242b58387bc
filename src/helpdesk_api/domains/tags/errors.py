"""What can be wrong with a request about tags."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class TagRenameNotFound(NotFound):
    code = "tag_rename_not_found"
    title = "There is no such rename"


class TagRenameRunning(Conflict):
    """Two at once could give a ticket either name."""

    code = "tag_rename_running"
    title = "Another tag is being renamed"
    remedy = "Wait until it is done: `GET /v1/tag-renames` shows how far it is."


class TagInPolicy(Conflict):
    """What was published is kept as it was, so nobody rewrites it."""

    code = "tag_in_policy"
    title = "A service level policy names this tag"
    remedy = "Publish a version of the policies in `params.policy_ids` that names the new tag besides."


class TagUnchanged(Unprocessable):
    code = "tag_unchanged"
    title = "It has this name already"


class TagNotInQueries(Unprocessable):
    code = "tag_not_in_queries"
    title = "A view asks for this tag in the search language, where the new name cannot be written"
    remedy = "Choose a name without a quotation mark, not `none`, and no longer than fits into the view's question."
