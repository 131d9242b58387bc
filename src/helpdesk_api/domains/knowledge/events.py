"""Facts about articles; for the staff's eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class ArticleEvent(DomainEvent):
    subject_type: ClassVar[str] = "article"


class ArticleCreated(ArticleEvent):
    """Somebody began a draft."""

    type = "article.created"


class ArticleUpdated(ArticleEvent):
    """A new version, or other facts about it."""

    type = "article.updated"


class ArticleSubmitted(ArticleEvent):
    """The draft waits for approval."""

    type = "article.submitted"


class ArticleApproved(ArticleEvent):
    """Approved for a later instant: it will be published then."""

    type = "article.approved"


class ArticleRejected(ArticleEvent):
    """The draft went back to its author."""

    type = "article.rejected"


class ArticlePublished(ArticleEvent):
    """Its readers can see this version now."""

    type = "article.published"


class ArticleArchived(ArticleEvent):
    """Its readers can no longer see it."""

    type = "article.archived"


class ArticleRestored(ArticleEvent):
    """It came back from the archive, as a draft."""

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
    """A new category of articles."""

    type = "article_category.created"


class ArticleCategoryUpdated(ArticleCategoryEvent):
    """Its name, place or owner changed."""

    type = "article_category.updated"


class ArticleCategoryRetired(ArticleCategoryEvent):
    """It takes no more articles."""

    type = "article_category.retired"


class ArticleCategoryRestored(ArticleCategoryEvent):
    """It takes articles again."""

    type = "article_category.restored"
