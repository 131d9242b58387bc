"""Who may read a comment: public ones with the ticket, internal ones with the work."""

from sqlalchemy import ColumnElement, or_

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility


def readable(principal: tickets.Caller) -> ColumnElement[bool]:
    """For a statement that joins the comment's ticket."""
    shown = or_(Comment.visibility == Visibility.PUBLIC, tickets.sees_internal(principal))
    return tickets.readable(principal) & shown


def may_read(principal: Principal, ticket: Ticket, comment: Comment, *, is_participant: bool) -> bool:
    """The predicate of `readable`."""
    if comment.visibility is Visibility.INTERNAL:
        return tickets.works_on(principal, ticket)
    return tickets.may_read(principal, ticket, is_participant=is_participant)
