"""The words of comments."""

from enum import StrEnum


class CommentAction(StrEnum):
    """What a caller may be able to do with a comment; each is an operation of this API."""

    EDIT = "edit"
    SPLIT = "split"


class CommentRefusal(StrEnum):
    """Why an action on a comment is not open to the caller now."""

    NOT_PERMITTED = "not_permitted"
    SCOPE_MISSING = "scope_missing"
    NOT_THE_AUTHOR = "not_the_author"
    MERGED = "merged"
    EDIT_WINDOW_PASSED = "edit_window_passed"
