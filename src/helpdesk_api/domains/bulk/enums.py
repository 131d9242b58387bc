"""The words of bulk jobs."""

from enum import StrEnum


class BulkJobStatus(StrEnum):
    """Where a bulk job stands; treat an unknown value as `running`."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
