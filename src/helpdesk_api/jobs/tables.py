"""pgqueuer's tables as SQLAlchemy sees them; their schema is pgqueuer's, so they stay out of our metadata."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from helpdesk_api.database.types import UtcDateTime

_metadata = MetaData()


class QueueStatus(StrEnum):
    """A job's state as stored. `successful` only until the next sweep: finished jobs leave the queue."""

    QUEUED = "queued"
    PICKED = "picked"
    SUCCESSFUL = "successful"
    EXCEPTION = "exception"
    CANCELED = "canceled"
    DELETED = "deleted"
    FAILED = "failed"


_status = ENUM(*[status.value for status in QueueStatus], name="pgqueuer_status", create_type=False)

queue = Table(
    "pgqueuer",
    _metadata,
    Column("id", BigInteger, primary_key=True),
    Column("priority", Integer),
    Column("queue_manager_id", Uuid),
    Column("created", UtcDateTime),
    Column("updated", UtcDateTime),
    Column("heartbeat", UtcDateTime),
    Column("execute_after", UtcDateTime),
    Column("status", _status),
    Column("entrypoint", Text),
    Column("dedupe_key", Text),
    Column("payload", LargeBinary),
    Column("headers", JSONB),
    Column("attempts", Integer),
)

log = Table(
    "pgqueuer_log",
    _metadata,
    Column("id", BigInteger, primary_key=True),
    Column("created", UtcDateTime),
    Column("job_id", BigInteger),
    Column("status", _status),
    Column("entrypoint", Text),
    Column("traceback", JSONB),
)
