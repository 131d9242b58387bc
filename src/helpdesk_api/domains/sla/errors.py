"""What can be wrong with a request about service levels."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class CalendarNotFound(NotFound):
    code = "calendar_not_found"
    title = "There is no such calendar"


class CalendarVersionNotFound(NotFound):
    code = "calendar_version_not_found"
    title = "This calendar has no such version"


class CalendarNameTaken(Conflict):
    code = "calendar_name_taken"
    title = "Another calendar has this name"


class CalendarBuiltIn(Conflict):
    code = "calendar_builtin"
    title = "This calendar is built in"
    default_detail = "The calendar around the clock is what policies can always rely on."


class CalendarInUse(Conflict):
    code = "calendar_in_use"
    title = "A policy counts in this calendar"
    default_detail = "Publish the policies that `policy_ids` names with another calendar first, drafts too."


class CalendarArchived(Conflict):
    code = "calendar_archived"
    title = "This calendar is archived"


class CalendarVersionInForce(Conflict):
    code = "calendar_version_in_force"
    title = "This version is or was in force"
    default_detail = "What was counted under it stays counted. Add a new version instead."


class EffectiveDateTaken(Conflict):
    code = "effective_date_taken"
    title = "Another version takes effect at this instant"


class EffectiveDateInPast(Unprocessable):
    code = "effective_date_in_past"
    title = "It cannot take effect in the past"
    default_detail = "What was counted stays counted; choose an instant from now on."


class UnknownRegion(Unprocessable):
    code = "unknown_region"
    title = "The public holidays of this region are not known"


class IntervalsOverlap(Unprocessable):
    code = "intervals_overlap"
    title = "Two intervals overlap"


class IntervalEmpty(Unprocessable):
    code = "interval_empty"
    title = "An interval is empty"


class DateRepeated(Unprocessable):
    code = "date_repeated"
    title = "A date is given twice"


class NeverOpen(Unprocessable):
    code = "never_open"
    title = "The calendar is never open"


class NoWorkingTimeLeft(Unprocessable):
    code = "no_working_time_left"
    title = "The calendar has no open hour left"
    default_detail = "So much working time does not pass within five years of its last open hour."


class InvalidICalendar(Unprocessable):
    code = "invalid_icalendar"
    title = "This is no iCalendar file that can be read"


class NoClosedDays(Unprocessable):
    """Only all-day events close days, and only those that the calendar has no hours of its own for."""

    code = "no_closed_days"
    title = "This file closes no further day"
    default_detail = "It has no all-day event within the years that are looked at, or none on a further day."


class TooManyDays(Unprocessable):
    code = "too_many_days"
    title = "The calendar would have too many days of its own"


class TooManyVersions(Unprocessable):
    """Withdraw one that is not in force yet, or make another calendar."""

    code = "too_many_versions"
    title = "The calendar has as many versions as it may have"


class SpanTooLong(Unprocessable):
    code = "span_too_long"
    title = "At most ten years are counted at once"


class SlaPolicyNotFound(NotFound):
    code = "sla_policy_not_found"
    title = "There is no such SLA policy"


class SlaPolicyVersionNotFound(NotFound):
    code = "sla_policy_version_not_found"
    title = "This policy has no such version"


class SlaPolicyNameTaken(Conflict):
    code = "sla_policy_name_taken"
    title = "Another policy has this name"


class SlaPolicyArchived(Conflict):
    code = "sla_policy_archived"
    title = "This policy is archived"


class NoDraft(Conflict):
    code = "no_draft"
    title = "There is no draft"
    default_detail = "Change the policy first; what was published is never changed."


class VersionAlreadyScheduled(Conflict):
    code = "version_already_scheduled"
    title = "A published version already waits for its instant"
    default_detail = "Withdraw it first."


class SlaPolicyVersionInForce(Conflict):
    code = "sla_policy_version_in_force"
    title = "This version is or was in force"
    default_detail = "Publish another version instead."


class SlaPolicyOrderIncomplete(Unprocessable):
    code = "sla_policy_order_incomplete"
    title = "The order must name every policy once"


class OlaTeamRequired(Unprocessable):
    code = "ola_team_required"
    title = "An OLA belongs to a team, and nothing else does"


class TargetRepeated(Unprocessable):
    code = "target_repeated"
    title = "Two targets for the same metric, priority and type"


class PauseRepeated(Unprocessable):
    """One entry of a metric names all of its statuses."""

    code = "pause_repeated"
    title = "Two pauses for the same metric"


class EscalationLoop(Unprocessable):
    code = "escalation_loop"
    title = "These escalations hand tickets round in a circle"
    default_detail = "The pointer names the step that closes it; `team_ids` are those that it leads over."


class TooManyPolicies(Conflict):
    code = "too_many_sla_policies"
    title = "There are too many SLA policies"


class SlaNotFound(NotFound):
    code = "sla_not_found"
    title = "This ticket has no such clock"


class SlaEnded(Conflict):
    code = "sla_ended"
    title = "This clock has ended"


class DeadlineInPast(Unprocessable):
    code = "deadline_in_past"
    title = "A deadline lies ahead"


class SimulationAmbiguous(Unprocessable):
    code = "simulation_ambiguous"
    title = "Give either a ticket or facts"


class SimulationContradictory(Unprocessable):
    code = "simulation_contradictory"
    title = "What is given does not go together"


class SimulationOutOfOrder(Unprocessable):
    code = "simulation_out_of_order"
    title = "A change comes after what has happened by then"
    default_detail = "It lies before the last fact or change that moved a clock; choose that instant or a later one."
