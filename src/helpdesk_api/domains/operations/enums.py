"""The states of a job as operators see them."""

from enum import StrEnum


class JobStatus(StrEnum):
    """`failed` are the dead letters: given up, and waiting for a person."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
