"""Two spans that the operator sets: how long a resolution can be disputed, and when it closes by itself."""

from datetime import timedelta

_spans = {"reopen": timedelta(days=7), "auto_close": timedelta(days=5)}


def use_windows(*, reopen_days: int, auto_close_days: int) -> None:
    """Called once by the process with its settings."""
    _spans["reopen"] = timedelta(days=reopen_days)
    _spans["auto_close"] = timedelta(days=auto_close_days)


def reopen_window() -> timedelta:
    return _spans["reopen"]


def auto_close_after() -> timedelta:
    return _spans["auto_close"]
