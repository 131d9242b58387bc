"""What can be wrong with forms, and with what is filled in."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class FormNotFound(NotFound):
    code = "form_not_found"
    title = "There is no such form"


class FormVersionNotFound(NotFound):
    code = "form_version_not_found"
    title = "This form has no such version"


class FormNameTaken(Conflict):
    code = "form_name_taken"
    title = "Another form has this name"


class FormArchived(Conflict):
    code = "form_archived"
    title = "This form is archived"


class InvalidFormField(Unprocessable):
    """`errors[].code` says which rule: `key_repeated`, `choices_required`, `choices_not_taken`, `choice_repeated`,
    `unknown_condition`, `condition_hidden`, `condition_not_taken`, `bounds_crossed`, `bounds_not_taken`,
    `default_does_not_fit`, `default_not_taken`."""

    code = "invalid_form_field"
    title = "A field of the form contradicts itself or the others"


class InvalidCustomFields(Unprocessable):
    """`errors[].code` is the keyword of JSON Schema that is not met, in lower snake case; `false_schema` is a field
    whose condition does not hold."""

    code = "invalid_custom_fields"
    title = "What was filled in does not fit the form"
    remedy = "Compare with `GET /v1/forms/{form_id}/schema`, which the server checks exactly."


class FormRequired(Unprocessable):
    code = "form_required"
    title = "Custom fields need a form"
    default_detail = "This ticket has no form, so it has no custom fields."
