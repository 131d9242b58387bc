"""What can be wrong between two tickets."""

from helpdesk_api.domains.relations.rules import MAX_CHILDREN, MAX_LEVELS
from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class LinkNotFound(NotFound):
    code = "link_not_found"
    title = "There is no such link"
    default_detail = "It does not exist, or its other ticket is not yours to see."


class LinkToItself(Unprocessable):
    code = "link_to_itself"
    title = "A ticket is nothing to itself"


class LinkExists(Conflict):
    code = "link_exists"
    title = "The two are linked like this already"


class LinkCycle(Conflict):
    code = "link_cycle"
    title = "The link would lead round in a circle"
    remedy = "Read the links of both tickets, and remove the one that leads back."


class ParentExists(Conflict):
    code = "parent_exists"
    title = "A ticket has one parent"
    remedy = "Remove the link to the present parent first."


class FamilyTooDeep(Conflict):
    code = "family_too_deep"
    title = "The family would have too many levels"
    default_detail = f"From the root to the youngest there are at most {MAX_LEVELS} tickets."
    remedy = "Link it to a ticket nearer to the root."


class TooManyChildren(Conflict):
    code = "too_many_children"
    title = "This ticket has as many children as it may have"
    default_detail = f"A ticket has at most {MAX_CHILDREN} children."
    remedy = "Put a ticket between them."


class MergeIntoItself(Unprocessable):
    code = "merge_into_itself"
    title = "A ticket cannot be merged into itself"


class MergeTargetFinal(Conflict):
    code = "merge_target_final"
    title = "The ticket that should go on has ended"
    default_detail = "A closed or cancelled ticket takes no other in."
    remedy = "Merge into a ticket that is still worked on, or open one."


class CommentIsInternal(Unprocessable):
    code = "comment_is_internal"
    title = "The new ticket's requester may not read this comment"
    default_detail = "An internal comment is split only with a `description` that its requester may read."
