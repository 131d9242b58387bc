"""The words of renaming."""

from enum import StrEnum


class TagRenameStatus(StrEnum):
    """Where a rename stands; treat an unknown value as `running`."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
