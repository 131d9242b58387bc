"""Reading texts beside the event loop, and not longer than anybody should wait for it."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import structlog

logger = structlog.get_logger(__name__)
Given = ParamSpec("Given")
Found = TypeVar("Found")
# Who writes the first text after a start waits so long for libraries to be loaded, and then goes on without.
PATIENCE_SECONDS: Final = 1.0


async def in_thread(read: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found | None:
    """Null when it takes too long; the thread goes on, so that the next one finds what it has loaded."""
    task = asyncio.create_task(asyncio.to_thread(read, *given, **named))
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    if done:
        return task.result()
    logger.warning("text_not_read_in_time", seconds=PATIENCE_SECONDS)
    task.add_done_callback(_look_at)
    return None


def _look_at(task: asyncio.Task[Found]) -> None:
    """An exception that nobody looked at would be told when the task is collected."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("text_not_read", error=str(error))
