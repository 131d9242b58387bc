"""What can be wrong with a request about views."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class ViewNotFound(NotFound):
    code = "view_not_found"
    title = "There is no such view, or it is not yours to see"


class ViewForbidden(Forbidden):
    """A personal view is its owner's, a team's its supervisors', a shared one the administrators'."""

    code = "view_forbidden"
    title = "Others look after this kind of view"


class ViewTeamRequired(Unprocessable):
    code = "view_team_required"
    title = "A team's view names its team, and no other view names one"


class TooManyViews(Conflict):
    """One's own, each team's and the shared ones are counted apart; `GET /v1/meta` says how many."""

    code = "too_many_views"
    title = "Nobody needs more views than this"
