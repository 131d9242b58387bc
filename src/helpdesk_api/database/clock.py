"""The one clock of the product: aware UTC, and a test can hold or move it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Moment:
    at: datetime

    def advance(
        self,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
    ) -> None:
        self.at += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@dataclass
class _Import(Moment):
    """A moment of the past that is being written down now; `outer` is the clock that was held before."""

    outer: Moment | None = None


_held: ContextVar[Moment | None] = ContextVar("held_clock", default=None)


def now() -> datetime:
    """The present instant, aware UTC, with microseconds."""
    held = _held.get()
    return held.at if held is not None else datetime.now(UTC)


def import_at(at: datetime) -> Token[Moment | None]:
    """Hold the clock at an instant of an imported past, until `release`: what happens then is history, not news."""
    return _held.set(_Import(at.astimezone(UTC), _held.get()))


def release(token: Token[Moment | None]) -> None:
    _held.reset(token)


def present() -> datetime:
    """The present instant, also while an imported past is written down."""
    held = _held.get()
    if isinstance(held, _Import):
        return held.outer.at if held.outer is not None else datetime.now(UTC)
    return now()


def is_importing() -> bool:
    return isinstance(_held.get(), _Import)


@contextmanager
def frozen(at: datetime) -> Iterator[Moment]:
    """Hold the clock at an aware instant for this context and the tasks it starts."""
    moment = Moment(at.astimezone(UTC))
    token = _held.set(moment)
    try:
        yield moment
    finally:
        _held.reset(token)
