"""A saved view as a filter of the stream: its tickets, and those that an event takes out of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Checked, Inverse, Leaf
from helpdesk_api.conditions.predicate import Predicate, compile_predicate
from helpdesk_api.conditions.registry import FieldSpec
from helpdesk_api.database import clock
from helpdesk_api.domains.stream.errors import ViewNotFollowed
from helpdesk_api.domains.tickets.search import Known, is_asked_of_database
from helpdesk_api.domains.views.queries import read_view


class ViewCondition:
    """The question of a view as this caller asks it: called with a ticket's record, says whether it is in the view."""

    def __init__(self, principal: Principal, view: Any, known: Known) -> None:
        """Raises `view_not_followed`, and what is wrong with the view itself."""
        self._principal, self._view, self._known = principal, view, known
        checked = self._read()
        fields = list(_fields_of(checked))
        searched = sorted({field.name for field in fields if is_asked_of_database(field)})
        if searched:
            message = f"The view asks for {', '.join(searched)}, which only a search can answer."
            raise ViewNotFollowed(message, parameter="view_id")
        self.fields = frozenset(field.name for field in fields)
        self._minute = _this_minute()
        self._matches: Predicate = compile_predicate(checked)

    def __call__(self, record: Any) -> bool:
        # `-7d` counts from now, to the minute, as when the view is read.
        minute = _this_minute()
        if minute != self._minute:
            self._minute, self._matches = minute, compile_predicate(self._read())
        return self._matches(record)

    def _read(self) -> Checked:
        return read_view(self._principal, self._view, self._known)


def _this_minute() -> datetime:
    return clock.now().replace(second=0, microsecond=0)


def _fields_of(checked: Checked) -> Iterator[FieldSpec]:
    if isinstance(checked, Leaf):
        yield checked.field
    elif isinstance(checked, Inverse):
        yield from _fields_of(checked.part)
    else:
        for part in checked.parts:
            yield from _fields_of(part)
