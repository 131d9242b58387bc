"""Events of an open transaction: kept in order on the session, written together just before the commit."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.writes import write_rows
from helpdesk_api.outbox.models import NEW_EVENTS, NewEvent

# Events were written: the relay has work.
EVENTS_CHANNEL = "helpdesk_events"
# Events were numbered: there is more to read in the log.
LOG_CHANNEL = "helpdesk_log"
_INFO = "pending_events"
_WROTE = "wrote_events"
_wake: Callable[[str], None] | None = None


def keep(session: AsyncSession, row: NewEvent) -> None:
    session.info.setdefault(_INFO, []).append(row)


def pending_events(session: AsyncSession) -> list[NewEvent]:
    """What the open transaction has recorded so far, in order."""
    rows: list[NewEvent] = session.info.get(_INFO, [])
    return rows


async def write_pending(session: AsyncSession) -> None:
    """Flushes, then writes the kept rows: the last statement of the work, so that they say what became true."""
    await session.flush()
    events = session.info.pop(_INFO, ())
    await write_rows(session, list(NEW_EVENTS.inserts(NEW_EVENTS.values(events))))
    if events:
        session.info[_WROTE] = True


def wake_relay(session: AsyncSession) -> None:
    if session.info.pop(_WROTE, False) and _wake is not None:
        _wake(EVENTS_CHANNEL)


def send_wakeups_through(wake: Callable[[str], None] | None) -> None:
    """Set by the process that has a listener; without one the relay's own polling is enough."""
    global _wake  # noqa: PLW0603 - one listener per process
    _wake = wake
