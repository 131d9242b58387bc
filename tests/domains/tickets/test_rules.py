"""The transition table and the rights, pure."""

from datetime import UTC, datetime, timedelta

import pytest

from helpdesk_api.domains.tickets.enums import Refusal, TicketAction, TicketStatus
from helpdesk_api.domains.tickets.rules import TRANSITIONS, Standing, inside_window, refusal, status_after

S, A = TicketStatus, TicketAction
# Written out again, by status: a table that is only compared with itself proves nothing.
EXPECTED = {
    S.OPEN: {
        A.START: S.IN_PROGRESS,
        A.PEND: S.PENDING,
        A.RESOLVE: S.RESOLVED,
        A.CANCEL: S.CANCELLED,
        A.MERGE: S.CANCELLED,
    },
    S.IN_PROGRESS: {A.PEND: S.PENDING, A.RESOLVE: S.RESOLVED, A.CANCEL: S.CANCELLED, A.MERGE: S.CANCELLED},
    S.PENDING: {A.RESUME: S.IN_PROGRESS, A.RESOLVE: S.RESOLVED, A.CANCEL: S.CANCELLED, A.MERGE: S.CANCELLED},
    S.RESOLVED: {A.CONFIRM: S.CLOSED, A.CLOSE: S.CLOSED, A.REOPEN: S.IN_PROGRESS, A.MERGE: S.CLOSED},
    S.CLOSED: {},
    S.CANCELLED: {},
}
MOVES = [A.START, A.PEND, A.RESUME, A.RESOLVE, A.CONFIRM, A.REOPEN, A.CLOSE, A.CANCEL, A.MERGE]


def a_standing(**values: object) -> Standing:
    defaults = {
        "status": S.OPEN,
        "works_on": True,
        "is_requester": False,
        "is_participant": False,
        "may_write": True,
        "may_administer": False,
        "inside_reopen_window": True,
    }
    return Standing(**{**defaults, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("action", MOVES)
def test_every_pair_of_status_and_action(status: TicketStatus, action: TicketAction) -> None:
    assert status_after(status, action, is_assigned=True) == EXPECTED[status].get(action)
    standing = a_standing(status=status, works_on=True, is_requester=True)
    assert (refusal(standing, action) is None) == (action in EXPECTED[status])


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(S)


def test_unassigned_work_reopens_as_open() -> None:
    assert status_after(S.RESOLVED, A.REOPEN, is_assigned=False) is S.OPEN


@pytest.mark.parametrize(
    ("values", "action", "expected"),
    [
        ({"works_on": False, "is_requester": True}, A.START, Refusal.NOT_PERMITTED),
        ({"works_on": False, "is_requester": True}, A.COMMENT_INTERNALLY, Refusal.NOT_PERMITTED),
        ({"works_on": False, "is_requester": True}, A.CANCEL, None),
        ({"works_on": False, "is_participant": True}, A.CANCEL, Refusal.NOT_PERMITTED),
        ({"works_on": False, "is_participant": True}, A.COMMENT, None),
        ({"works_on": False}, A.COMMENT, Refusal.NOT_PERMITTED),
        ({"status": S.RESOLVED}, A.CONFIRM, Refusal.NOT_PERMITTED),
        ({"status": S.RESOLVED, "works_on": False, "is_requester": True}, A.CONFIRM, None),
        ({"status": S.RESOLVED, "is_requester": True}, A.CONFIRM, None),
        ({"status": S.RESOLVED, "is_requester": True, "for_another": True}, A.CONFIRM, Refusal.NOT_PERMITTED),
        (
            {"status": S.RESOLVED, "works_on": False, "is_requester": True, "for_another": True},
            A.CONFIRM,
            Refusal.NOT_PERMITTED,
        ),
        (
            {"status": S.RESOLVED, "works_on": False, "is_requester": True, "for_another": True},
            A.RATE,
            Refusal.NOT_PERMITTED,
        ),
        ({"status": S.RESOLVED, "works_on": False, "is_requester": True, "for_another": True}, A.REOPEN, None),
        ({"status": S.RESOLVED, "works_on": False, "is_requester": True}, A.RATE, None),
        (
            {"status": S.RESOLVED, "works_on": False, "is_requester": True, "inside_reopen_window": False},
            A.REOPEN,
            Refusal.REOPEN_WINDOW_PASSED,
        ),
        ({"status": S.RESOLVED, "inside_reopen_window": False}, A.REOPEN, None),
        ({"works_on": False, "is_requester": True}, A.LINK, Refusal.NOT_PERMITTED),
        ({"works_on": False, "is_requester": True}, A.MERGE, Refusal.NOT_PERMITTED),
        ({"works_on": False, "is_requester": True}, A.SPLIT, Refusal.NOT_PERMITTED),
        ({"status": S.CLOSED}, A.LINK, None),
        ({"status": S.CLOSED}, A.SPLIT, None),
        ({}, A.SET_PRIORITY, Refusal.SCOPE_MISSING),
        ({"may_administer": True}, A.SET_PRIORITY, None),
        ({"status": S.CLOSED, "may_administer": True}, A.SET_PRIORITY, Refusal.WRONG_STATUS),
        ({"may_write": False}, A.COMMENT, Refusal.SCOPE_MISSING),
        ({"works_on": False}, A.WATCH, None),
        ({"status": S.CLOSED}, A.MERGE_IN, Refusal.WRONG_STATUS),
        ({"may_administer": True}, A.SET_DEADLINE, None),
        ({}, A.SET_DEADLINE, Refusal.SCOPE_MISSING),
        ({"status": S.RESOLVED, "may_administer": True}, A.SET_DEADLINE, Refusal.WRONG_STATUS),
        ({"status": S.RESOLVED, "may_administer": True}, A.SET_PRIORITY, None),
        ({"status": S.RESOLVED}, A.DRAFT_ARTICLE, Refusal.SCOPE_MISSING),
        ({"status": S.RESOLVED, "may_write_articles": True}, A.DRAFT_ARTICLE, None),
        ({"may_write_articles": True}, A.DRAFT_ARTICLE, Refusal.WRONG_STATUS),
        ({"works_on": False, "is_requester": True}, A.APPLY_MACRO, Refusal.NOT_PERMITTED),
        ({"status": S.CANCELLED, "is_merged": True}, A.COMMENT, Refusal.MERGED),
        ({"status": S.CANCELLED, "is_merged": True}, A.BE_PRESENT, None),
        ({"status": S.RESOLVED, "works_on": False, "is_requester": True}, A.UPDATE, Refusal.WRONG_STATUS),
    ],
)
def test_rights(values: dict[str, object], action: TicketAction, expected: Refusal | None) -> None:
    assert refusal(a_standing(**values), action) is expected


def test_the_last_instant_of_the_window_counts() -> None:
    resolved = datetime(2026, 10, 24, 12, tzinfo=UTC)
    week = timedelta(days=7)
    assert inside_window(resolved, resolved + week, week)
    assert not inside_window(resolved, resolved + week + timedelta(microseconds=1), week)
    assert not inside_window(None, resolved, week)
