"""An article's row says whose it is and where it stands; what it says lies in versions, which never change."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.knowledge.enums import ArticleAudience, ArticleLanguage, ArticleStatus


class ArticleCategory(Base):
    """`approver_id` is its owner or that of the nearest one above: written down whenever the tree changes."""

    __tablename__ = "article_categories"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        Index("ix_article_categories_order", "position", "name", "id"),
        Index("ix_article_categories_parent", "parent_id"),
        Index("ix_article_categories_approver", "approver_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str | None]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("article_categories.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    approver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


Index(
    "uq_article_categories_name",
    ArticleCategory.parent_id,
    func.lower(ArticleCategory.name),
    unique=True,
    postgresql_nulls_not_distinct=True,
)


class Article(Base):
    """`latest_number` is the version that authors work on, `published_number` the one that readers see, if any.

    `version` moves with every change, `public_version` only with what readers can see. `search` is of the version
    that readers see, or of the latest while there is none. Translations share the `group_id` of their original.
    """

    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("external_source", "external_id"),
        UniqueConstraint("group_id", "language"),
        CheckConstraint("(external_source IS NULL) = (external_id IS NULL)", name="external_pair"),
        CheckConstraint("(audience = 'teams') = (team_ids <> '{}')", name="teams_of_team_articles"),
        CheckConstraint("publish_at IS NULL OR status = 'in_review'", name="scheduled_is_in_review"),
        CheckConstraint("(group_id = id) = (translation_of_id IS NULL)", name="originals_lead_their_group"),
        Index("ix_articles_updated", "public_updated_at", "id"),
        Index("ix_articles_category", "category_id", "public_updated_at", "id"),
        # The staff's lists run by the change that they are shown.
        Index("ix_articles_staff_updated", "updated_at", "id"),
        Index("ix_articles_staff_category", "category_id", "updated_at", "id"),
        Index("ix_articles_owner", "owner_id"),
        Index("ix_articles_author", "author_id"),
        Index("ix_articles_publish_at", "publish_at", postgresql_where=text("publish_at IS NOT NULL")),
        Index("ix_articles_review_at", "review_at", postgresql_where=text("published_number IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    group_id: Mapped[UUID]
    translation_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("articles.id"))
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("article_categories.id"))
    language: Mapped[ArticleLanguage] = mapped_column(text_enum(ArticleLanguage))
    audience: Mapped[ArticleAudience] = mapped_column(text_enum(ArticleAudience))
    team_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid(as_uuid=True)), server_default=text("'{}'"))
    status: Mapped[ArticleStatus] = mapped_column(text_enum(ArticleStatus))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    latest_number: Mapped[int] = mapped_column(Integer)
    published_number: Mapped[int | None] = mapped_column(Integer)
    publish_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    review_interval_days: Mapped[int] = mapped_column(Integer)
    review_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    review_told_at: Mapped[datetime | None]
    external_source: Mapped[str | None]
    external_id: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    public_updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
    public_version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


# Outside the mapping: nobody reads the vector, and a mapped one would come back with every UPDATE.
SEARCH = Column("search", TSVECTOR, server_default=text("''::tsvector"), nullable=False)
Article.__table__.append_column(SEARCH)  # type: ignore[attr-defined]
Index("ix_articles_search", SEARCH, postgresql_using="gin")


class ArticleVersion(Base):
    """Never changed once it is written. `source_number` is the original's version that a translation was made from."""

    __tablename__ = "article_versions"

    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    title: Mapped[str]
    summary: Mapped[str | None]
    body: Mapped[str]
    body_html: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    source_number: Mapped[int | None] = mapped_column(Integer)
    restored_from: Mapped[int | None] = mapped_column(Integer)
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class ArticleWord(Base):
    """The words of what readers see, as they are written: what a misspelt word could have meant."""

    __tablename__ = "article_words"
    __table_args__ = (
        Index("ix_article_words_article", "article_id"),
        Index("ix_article_words_like", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    word: Mapped[str] = mapped_column(primary_key=True)
    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)


class ArticleStatistics(Base):
    """Counts beside the article, so that counting changes no version and holds no author up."""

    __tablename__ = "article_statistics"

    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    view_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    helpful_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    not_helpful_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    ticket_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class ArticleFeedback(Base):
    """One a person; the last one counts."""

    __tablename__ = "article_feedback"
    __table_args__ = (Index("ix_article_feedback_order", "article_id", "updated_at", "user_id"),)

    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    is_helpful: Mapped[bool] = mapped_column(Boolean)
    comment: Mapped[str | None]
    number: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[datetime]


class ArticleRelation(Base):
    """Two articles that belong together; one row for both directions, the smaller id first."""

    __tablename__ = "article_relations"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="once_for_both"),
        Index("ix_article_relations_second", "second_id"),
    )

    first_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    second_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)


class SearchMiss(Base):
    """What was searched and not found: the words without who asked, and without what looks like a person's."""

    __tablename__ = "search_misses"
    __table_args__ = (Index("ix_search_misses_count", "miss_count", "words"),)

    words: Mapped[str] = mapped_column(primary_key=True)
    miss_count: Mapped[int] = mapped_column(BigInteger)
    last_missed_at: Mapped[datetime]
