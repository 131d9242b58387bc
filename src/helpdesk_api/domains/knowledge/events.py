"""Facts about articles; for the staff's eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class ArticleEvent(DomainEvent):
    subject_type: ClassVar[str] = "article"


class ArticleCreated(ArticleEvent):
    type = "article.created"


class ArticleUpdated(ArticleEvent):
    """A new version, or other facts about it."""

    type = "article.updated"


class ArticleSubmitted(ArticleEvent):
    type = "article.submitted"


class ArticleApproved(ArticleEvent):
    """Approved for a later instant: it will be published then."""

    type = "article.approved"


class ArticleRejected(ArticleEvent):
    type = "article.rejected"


class ArticlePublished(ArticleEvent):
    type = "article.published"


class ArticleArchived(ArticleEvent):
    type = "article.archived"


class ArticleRestored(ArticleEvent):
    type = "article.restored"


class ArticleReviewed(ArticleEvent):
    """Somebody found that it still holds."""

    type = "article.reviewed"


class ArticleReviewDue(ArticleEvent):
    """Once for each review date."""

    type = "article.review_due"


class ArticleCategoryEvent(DomainEvent):
    subject_type: ClassVar[str] = "article_category"


class ArticleCategoryCreated(ArticleCategoryEvent):
    type = "article_category.created"


class ArticleCategoryUpdated(ArticleCategoryEvent):
    type = "article_category.updated"


class ArticleCategoryRetired(ArticleCategoryEvent):
    type = "article_category.retired"


class ArticleCategoryRestored(ArticleCategoryEvent):
    type = "article_category.restored"
