"""What can be wrong with a request about assigning and routing."""

from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class AssignmentTargetMissing(Unprocessable):
    code = "assignment_target_missing"
    title = "Say who gets it"
    default_detail = "Give `assignee_id`, `team_id` or `strategy`; `strategy` goes with no `assignee_id`."


class AssigneeNotEligible(Unprocessable):
    code = "assignee_not_eligible"
    title = "This person cannot work on this ticket"
    default_detail = "The assignee must be active staff, and of the ticket's team unless they are an admin."


class TeamRequired(Unprocessable):
    code = "team_required"
    title = "The ticket has no team to choose from"


class NobodyAvailable(Conflict):
    code = "nobody_available"
    title = "Nobody else of the team is free"
    default_detail = "All others are away or at their limit. Nothing was changed."


class AgentNotFound(NotFound):
    code = "agent_not_found"
    title = "There is no such agent"


class AvailabilityForbidden(Forbidden):
    code = "availability_forbidden"
    title = "This person's availability is not yours to set"
    default_detail = "It is set by themselves, by a lead of one of their teams, or by an admin."


class ReturnInPast(Unprocessable):
    code = "return_in_past"
    title = "Nobody can come back in the past"


class ReturnWithoutAbsence(Unprocessable):
    code = "return_without_absence"
    title = "Only somebody who is away comes back"
    default_detail = "`away_until` goes with `is_available: false`."


class HandoverWithoutAbsence(Unprocessable):
    code = "handover_without_absence"
    title = "Only somebody who goes away hands over"
    default_detail = "`handover` goes with `is_available: false`."


class StaffOnly(Forbidden):
    code = "staff_only"
    title = "Only staff may see this"


class RoutingRuleNotFound(NotFound):
    code = "routing_rule_not_found"
    title = "There is no such routing rule"


class RoutingRuleWithoutEffect(Unprocessable):
    code = "routing_rule_without_effect"
    title = "A rule must decide something"
    default_detail = "Give at least one of `category_id`, `team_id`, `priority` and `add_tags`."


class TooManyRoutingRules(Conflict):
    code = "too_many_routing_rules"
    title = "There are as many routing rules as we keep"


class RoutingOrderIncomplete(Conflict):
    code = "routing_order_incomplete"
    title = "The order must name every rule once"
    default_detail = "A rule is missing, unknown or named twice; it may have been added or deleted meanwhile."


class RoutingTestAmbiguous(Unprocessable):
    code = "routing_test_ambiguous"
    title = "Give a ticket or facts"
    default_detail = "Exactly one of `ticket` and `facts` is needed."
