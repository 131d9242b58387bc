"""The memory of this process."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """What a load took for a moment goes back to the system: glibc would keep it for as long as the process lives. With
    another C library nothing happens. Takes some milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
