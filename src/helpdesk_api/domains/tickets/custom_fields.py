"""What a ticket's form asks for: checked against the very schema that clients are given, and kept in two halves.

What only the staff may see lies in a column of its own, so that no reader's JSON has to be picked apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.forms import queries as forms
from helpdesk_api.domains.forms.errors import FormArchived, FormRequired, InvalidCustomFields
from helpdesk_api.domains.forms.queries import FormFacts
from helpdesk_api.domains.forms.rules import FormFields
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import works_on
from helpdesk_api.domains.tickets.schemas import TicketCreate
from helpdesk_api.web.errors import UnknownReference


@dataclass(frozen=True, slots=True)
class Filled:
    """Values by key, the staff's own apart."""

    form_id: UUID | None = None
    number: int | None = None
    public: dict[str, Any] = field(default_factory=dict)
    internal: dict[str, Any] = field(default_factory=dict)


async def fill_in(database: Database, principal: Principal, body: TicketCreate, *, is_follow_up: bool) -> Filled:
    """By the form that is named, or the category's; a follow-up asks for nothing again.

    Raises `unknown_reference`, `form_archived`, `form_required` and `invalid_custom_fields`.
    """
    form = await form_of(database, body)
    given = {key: value for key, value in body.custom_fields.items() if value is not None}
    if form is None or (is_follow_up and body.form_id is None):
        if given:
            raise FormRequired(pointer="#/custom_fields")
        return Filled()
    fields = form.in_force
    values = fields.with_defaults(given, given, without=await _defaults_of_nobody(database, fields))
    await _check(database, fields, values, given, is_staff=principal.is_staff)
    return _halves(form.id, fields, values)


async def form_of(database: Database, body: TicketCreate) -> FormFacts | None:
    """Raises `unknown_reference` and `form_archived`."""
    if body.form_id is not None:
        found = await forms.form(database, body.form_id)
        if found is None:
            raise UnknownReference(pointer="#/form_id")
        if found.archived_at is not None:
            raise FormArchived(pointer="#/form_id")
        return found
    if body.category_id is None:
        return None
    form_id = await categories.form_of(database, body.category_id, body.type)
    found = await forms.form(database, form_id) if form_id is not None else None
    return found if found is not None and found.archived_at is None else None


async def refill(
    database: Database, principal: Principal, ticket: Ticket, given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Merge patch against the version that the ticket was opened with; the columns' new values.

    What is taken away has its default again. What is left of a field whose condition does not hold any more goes with
    it, also where the caller does not see it.

    Raises `form_required` and `invalid_custom_fields`.
    """
    form = await forms.form(database, ticket.form_id) if ticket.form_id is not None else None
    if form is None or ticket.form_number is None:
        raise FormRequired(pointer="#/custom_fields")
    fields, is_staff = form.versions[ticket.form_number], works_on(principal, ticket)
    held = {**ticket.custom_fields, **ticket.internal_custom_fields}
    merged = {key: value for key, value in {**held, **given}.items() if value is not None}
    nobody = await _defaults_of_nobody(database, fields)
    values = fields.with_defaults(merged, given, held=held, without=nobody)
    await _check(database, fields, values, given, is_staff=is_staff)
    filled = _halves(form.id, fields, values)
    return {"custom_fields": filled.public, "internal_custom_fields": filled.internal}


async def _defaults_of_nobody(database: Database, fields: FormFields) -> list[str]:
    """Keys of the fields whose default is a person who is gone: nobody has to name somebody else for the form."""
    return [key for key, person in fields.default_people if not await _is_known(database, person)]


async def _is_known(database: Database, person: str) -> bool:
    return await GRANTS.get(database, parse_id("usr", person).hex) is not None


async def _check(
    database: Database, fields: FormFields, values: Mapping[str, Any], given: Mapping[str, Any], *, is_staff: bool
) -> None:
    """What the caller does not fill in is not theirs to get wrong; what they send in spite of that is."""
    asked = fields.keys_for(is_staff=is_staff) | given.keys()
    wrong = fields.errors({key: value for key, value in values.items() if key in asked}, is_staff=is_staff)
    if wrong:
        message = f"{len(wrong)} custom field(s) do not fit the form; see `errors`."
        raise InvalidCustomFields(message, errors=wrong)
    for key, person in fields.people({key: value for key, value in given.items() if value is not None}):
        if not await _is_known(database, person):
            raise UnknownReference(pointer=f"#/custom_fields/{key}")


def _halves(form_id: UUID, fields: FormFields, values: Mapping[str, Any]) -> Filled:
    internal = {key: value for key, value in values.items() if key in fields.internal}
    return Filled(form_id, fields.number, {k: v for k, v in values.items() if k not in internal}, internal)
