"""What can be wrong with a request about teams."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class TeamNotFound(NotFound):
    code = "team_not_found"
    title = "There is no such team"


class TeamNameTaken(Conflict):
    code = "team_name_taken"
    title = "Another team has this name"


class NotYourTeam(Forbidden):
    code = "not_your_team"
    title = "Supervisors change their own teams"


class MemberNotFound(NotFound):
    code = "member_not_found"
    title = "That person is not of this team"


class NotStaff(Unprocessable):
    code = "not_staff"
    title = "Only active staff can be of a team"


class TeamArchived(Conflict):
    code = "team_archived"
    title = "This team is archived"
