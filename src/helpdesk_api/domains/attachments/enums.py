"""Words of the attachments."""

from enum import StrEnum


class AttachmentState(StrEnum):
    """Whether it can be downloaded: `scanning` ones are kept apart until the scanner has judged them."""

    SCANNING = "scanning"
    AVAILABLE = "available"
    REFUSED = "refused"


class AttachmentAction(StrEnum):
    """What can be done with one."""

    DOWNLOAD = "download"
    DELETE = "delete"


class AttachmentRefusal(StrEnum):
    """Why something cannot be done with it now."""

    QUARANTINED = "attachment_quarantined"
    REFUSED = "attachment_refused"
    NOT_THE_UPLOADER = "not_the_uploader"
    MERGED = "merged"
    DELETION_WINDOW_PASSED = "deletion_window_passed"
    MISSING_SCOPE = "missing_scope"
