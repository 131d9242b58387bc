"""CPU seconds that processes have used so far, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def used_by(process_id: int) -> float:
    """Seconds of all its threads, in nanosecond steps where the kernel keeps them (a tick is ten milliseconds)."""
    total = 0
    try:
        for thread in (_PROC / str(process_id) / "task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return total / 1e9


def used_by_server(postmaster: int) -> float:
    """The postmaster, its backends, and those that it has already reaped."""
    fields = (_PROC / str(postmaster) / "stat").read_text().rpartition(")")[2].split()
    reaped = (int(fields[13]) + int(fields[14])) / _TICKS
    return used_by(postmaster) + reaped + sum(used_by(child) for child in children_of(postmaster))


def children_of(process_id: int) -> list[int]:
    text = (_PROC / str(process_id) / "task" / str(process_id) / "children").read_text()
    return [int(word) for word in text.split()]
