"""Identifiers: UUIDv7 (RFC 9562) made in Python, shown with a prefix that names their kind."""

import os
import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg.pgproto import pgproto
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from sqlalchemy import ColumnElement, String, cast, func, literal_column

_HEX = re.compile(r"[0-9a-f]{32}")


def new_id() -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then 74 random bits, so that keys arrive nearly in order."""
    random = int.from_bytes(os.urandom(10))
    high = time.time_ns() // 1_000_000 << 16 | 0x7 << 12 | random >> 68
    low = 0x2 << 62 | random & ~(0x3 << 62) & 0xFFFFFFFFFFFFFFFF
    # The driver's own UUID is made, compared and written in half the time.
    made: UUID = pgproto.UUID((high << 64 | low).to_bytes(16))
    return made


def first_id_at(at: datetime) -> UUID:
    """Not above any id that `new_id` makes from this millisecond on, and above all before."""
    milliseconds = int(at.timestamp() * 1_000)
    return UUID(int=(milliseconds & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | 0x2 << 62)


def public_id(prefix: str, value: UUID) -> str:
    return f"{prefix}_{value.hex}"


def public_id_sql(prefix: str, column: Any) -> ColumnElement[str]:
    """The same text as `public_id`, built by PostgreSQL; null stays null. Its constants are text, not parameters:
    a ticket has some fifty, and each would be sent with each request."""
    digits = func.replace(cast(column, String), literal_column("'-'"), literal_column("''"), type_=String)
    return literal_column(f"'{prefix}_'", String) + digits


def parse_id(prefix: str, text: str) -> UUID:
    """Raises ValueError when the text is not an id of that kind."""
    head, _, tail = text.partition("_")
    if head != prefix or not _HEX.fullmatch(tail):
        message = f"expected an id like {prefix}_ followed by 32 hex digits"
        raise ValueError(message)
    return UUID(hex=tail)


@dataclass(frozen=True)
class TypedId:
    """Pydantic metadata: a UUID inside, `prefix_<32 hex digits>` outside."""

    prefix: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self._serialize, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        del schema, handler
        return {
            "type": "string",
            "pattern": f"^{self.prefix}_[0-9a-f]{{32}}$",
            "minLength": len(self.prefix) + 33,
            "maxLength": len(self.prefix) + 33,
            "examples": [f"{self.prefix}_0190a6f3e1d87c3aa1b2c3d4e5f60718"],
        }

    def _validate(self, value: Any) -> UUID:
        if isinstance(value, UUID):
            return value
        if isinstance(value, str):
            try:
                return parse_id(self.prefix, value)
            except ValueError:
                pass
        code = "invalid_id"
        raise PydanticCustomError(
            code,
            "expected an id like {prefix}_ followed by 32 hex digits",
            {"prefix": self.prefix},
        )

    def _serialize(self, value: UUID | str) -> str:
        return public_id(self.prefix, value) if isinstance(value, UUID) else value


def typed_id(prefix: str) -> TypedId:
    return TypedId(prefix)


TicketId = Annotated[UUID, TypedId("tkt")]
CommentId = Annotated[UUID, TypedId("cmt")]
UserId = Annotated[UUID, TypedId("usr")]
TeamId = Annotated[UUID, TypedId("tea")]
OrganizationId = Annotated[UUID, TypedId("org")]
CategoryId = Annotated[UUID, TypedId("cat")]
EventId = Annotated[UUID, TypedId("evt")]
SessionId = Annotated[UUID, TypedId("ses")]
ApiKeyId = Annotated[UUID, TypedId("key")]
RuleId = Annotated[UUID, TypedId("rul")]
MailId = Annotated[UUID, TypedId("mai")]
JobId = Annotated[UUID, TypedId("job")]
CalendarId = Annotated[UUID, TypedId("cal")]
SlaPolicyId = Annotated[UUID, TypedId("slp")]
SlaClockId = Annotated[UUID, TypedId("sla")]
ViewId = Annotated[UUID, TypedId("vie")]
FormId = Annotated[UUID, TypedId("frm")]
DraftId = Annotated[UUID, TypedId("dft")]
ReminderId = Annotated[UUID, TypedId("rem")]
BulkJobId = Annotated[UUID, TypedId("bjb")]
LinkId = Annotated[UUID, TypedId("lnk")]
AlertIntegrationId = Annotated[UUID, TypedId("ain")]
AlertId = Annotated[UUID, TypedId("alt")]
AttachmentId = Annotated[UUID, TypedId("att")]
ArticleId = Annotated[UUID, TypedId("art")]
ArticleCategoryId = Annotated[UUID, TypedId("acg")]
WebhookId = Annotated[UUID, TypedId("whk")]
DeliveryId = Annotated[UUID, TypedId("whd")]
MacroId = Annotated[UUID, TypedId("mac")]
TicketTemplateId = Annotated[UUID, TypedId("tpl")]
ChecklistItemId = Annotated[UUID, TypedId("chk")]
TimeEntryId = Annotated[UUID, TypedId("tim")]
TagRenameId = Annotated[UUID, TypedId("tag")]
CannedResponseId = Annotated[UUID, TypedId("can")]
SuggestionId = Annotated[UUID, TypedId("sug")]
