"""Which of the connected readers an event can concern, found without asking each of them.

A desk has thousands of readers, and an event concerns a handful: its ticket's people and team, and the administrators.
Who is found here is still judged by the policy; whoever is not found could not have read it.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.audit.log_events import LogEvent

R = TypeVar("R", bound=Hashable)
_ADMINS, _STAFF = "admins", "staff"


class Audience(Generic[R]):
    """Readers by what gives them sight."""

    def __init__(self) -> None:
        self._by_way: dict[Hashable, dict[R, None]] = {}
        self._ways: dict[R, list[Hashable]] = {}

    def __len__(self) -> int:
        return len(self._ways)

    def __contains__(self, reader: object) -> bool:
        return reader in self._ways

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._ways))

    def place(self, reader: R, principal: Principal) -> None:
        """Also anew, when the reader's rights have changed."""
        self.remove(reader)
        self._ways[reader] = _ways_of(principal)
        for way in self._ways[reader]:
            self._by_way.setdefault(way, {})[reader] = None

    def remove(self, reader: R) -> None:
        for way in self._ways.pop(reader, ()):
            del self._by_way[way][reader]
            if not self._by_way[way]:
                del self._by_way[way]

    def concerned(self, event: LogEvent) -> list[R]:
        """Each once."""
        found: dict[R, None] = {}
        for way in _ways_into(event):
            found.update(self._by_way.get(way, ()))
        return list(found)


def _ways_of(principal: Principal) -> list[Hashable]:
    if principal.is_admin:
        return [_ADMINS]
    ways: list[Hashable] = [("user", principal.user_id)]
    if principal.is_staff:
        ways += [_STAFF, *(("team", team_id) for team_id in principal.team_ids)]
    if principal.sees_organization and principal.organization_id is not None:
        ways.append(("organization", principal.organization_id))
    return ways


def _ways_into(event: LogEvent) -> Iterator[Hashable]:
    yield _ADMINS
    ticket = event.ticket
    if ticket is None:
        return
    yield _STAFF if ticket.team_id is None else ("team", ticket.team_id)
    people = {ticket.requester_id, ticket.submitter_id, *ticket.collaborator_ids, *ticket.participant_ids}
    if ticket.assignee_id is not None:
        people.add(ticket.assignee_id)
    for user_id in people:
        yield "user", user_id
    if ticket.organization_id is not None:
        yield "organization", ticket.organization_id
