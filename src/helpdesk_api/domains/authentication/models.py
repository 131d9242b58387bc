"""Sessions and credentials. Nothing here can be used by who reads the table: secrets are hashed or sealed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum


class Session(Base):
    """One sign-in; the family of its refresh tokens."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user", "user_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    user_agent: Mapped[str | None]
    address: Mapped[str | None]


class RefreshToken(Base):
    """Good once. A second use means that somebody else has it, and ends the family."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index("ix_refresh_tokens_session", "session_id"),
        Index("ix_refresh_tokens_expires", "expires_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SigningKey(Base):
    """A key pair for access tokens: the newest signs, all that are not retired verify."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    sealed_private_key: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class ApiKey(Base):
    """A long-lived credential of its owner, cut down to scopes."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user", "user_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class ServiceClient(Base):
    """Client credentials (RFC 6749, 4.4) of a service account, which is a user of kind `service`."""

    __tablename__ = "service_clients"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret_changed_at: Mapped[datetime]


class PasswordLinkKind(StrEnum):
    """Why somebody may set a password without knowing one."""

    RESET = "reset"
    INVITATION = "invitation"


class PasswordLink(Base):
    """A one-time right to set a password. The token is made when the mail is written, and never stored in clear."""

    __tablename__ = "password_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[PasswordLinkKind] = mapped_column(text_enum(PasswordLinkKind))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StreamTicket(Base):
    """Good once, within a minute: opens a stream where no header can be sent. Unlogged: a crash costs a new one."""

    __tablename__ = "stream_tickets"
    __table_args__ = (Index("ix_stream_tickets_expires", "expires_at"), {"prefixes": ["UNLOGGED"]})

    ticket_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sealed_token: Mapped[str]
    expires_at: Mapped[datetime]


class SignInAttempt(Base):
    """Attempts of one account or address in the present window. Unlogged: losing the counts in a crash is no harm."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    key: Mapped[str] = mapped_column(primary_key=True)
    window_ends_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(Integer, server_default=text("1"))
