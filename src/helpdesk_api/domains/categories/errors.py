"""What can be wrong with a request about categories and the matrix."""

from helpdesk_api.web.errors import Conflict, NotFound, Unprocessable


class CategoryNotFound(NotFound):
    code = "category_not_found"
    title = "There is no such category"


class CategoryNameTaken(Conflict):
    code = "category_name_taken"
    title = "This name is taken beside it"
    default_detail = "Another category with the same parent, perhaps a retired one, has this name."


class CategoryCycle(Unprocessable):
    code = "category_cycle"
    title = "A category cannot lie below itself"


class CategoryTooDeep(Unprocessable):
    code = "category_too_deep"
    title = "The tree would become too deep"


class CategoryParentRetired(Conflict):
    code = "category_parent_retired"
    title = "The category above is retired"
    default_detail = "Restore the category above first, or choose another parent."


class CategoryHasChildren(Conflict):
    code = "category_has_children"
    title = "There are categories in use below it"
    default_detail = "Retire or move the categories below it first."
