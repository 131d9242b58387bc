"""What can be wrong with a request about articles and their categories."""

from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleStatus
from helpdesk_api.web.errors import Conflict, Forbidden, NotFound, Unprocessable


class ArticleNotFound(NotFound):
    code = "article_not_found"
    title = "There is no such article, or it is not yours to see"


class ArticleVersionNotFound(NotFound):
    code = "article_version_not_found"
    title = "There is no such version of it"


class ArticleActionForbidden(Forbidden):
    """Its author, its owner and whoever approves for its category work on it; approving is the latter's."""

    code = "article_action_forbidden"
    title = "Others do this with this article"

    def __init__(self, action: ArticleAction, required_scope: str | None = None) -> None:
        self.required_scope = required_scope
        super().__init__(f"You may not {action.value} it.", params={"action": action.value})


class ArticleTransitionNotAllowed(Conflict):
    code = "article_transition_not_allowed"
    title = "Its status does not allow this"

    def __init__(self, action: ArticleAction, status: ArticleStatus) -> None:
        message = f"An article that is {status.value} cannot be changed by {action.value}."
        super().__init__(message, params={"action": action.value, "status": status.value})


class ArticleTeamsRequired(Unprocessable):
    code = "article_teams_required"
    title = "An article for teams names them, and no other names any"


class ArticleLanguageTaken(Conflict):
    code = "article_language_taken"
    title = "There is an article in this language already"
    default_detail = "The original or another translation of it has this language."


class ArticleOriginalRequired(Unprocessable):
    code = "article_original_required"
    title = "Translations are made of an original"
    default_detail = "Name the original and one of its versions, not another translation."


class ArticleExternalIdTaken(Conflict):
    code = "article_external_id_taken"
    title = "Another article has this external id"


class PublishInPast(Unprocessable):
    code = "publish_in_past"
    title = "An article is scheduled for the future"


class ArticleTooLongToCompare(Unprocessable):
    code = "article_too_long_to_compare"
    title = "These versions have too many lines to compare"
    default_detail = "Versions of up to 1,000 lines each are compared."


class ArticleRelatesToItself(Unprocessable):
    code = "article_relates_to_itself"
    title = "An article is not related to itself"


class TooManyRelatedArticles(Conflict):
    code = "too_many_related_articles"
    title = "There are enough related articles"
    default_detail = "An article has at most 50."


class ArticleCategoryNotFound(NotFound):
    code = "article_category_not_found"
    title = "There is no such category of articles"


class ArticleCategoryNameTaken(Conflict):
    code = "article_category_name_taken"
    title = "This name is taken beside it"


class ArticleCategoryCycle(Unprocessable):
    code = "article_category_cycle"
    title = "A category cannot lie below itself"


class ArticleCategoryTooDeep(Unprocessable):
    code = "article_category_too_deep"
    title = "The tree would become too deep"
    default_detail = "A category of articles lies at most 8 levels deep."


class ArticleCategoryRetiredAbove(Conflict):
    code = "article_category_retired"
    title = "This category is retired"
    default_detail = "Restore it first, or choose another."


class ArticleCategoryHasChildren(Conflict):
    code = "article_category_has_children"
    title = "There are categories in use below it"


class ArticleSortNotWithQ(Unprocessable):
    code = "sort_not_with_q"
    title = "What is searched is sorted by how well it fits"
    remedy = "Leave `sort` out, or `q`."
