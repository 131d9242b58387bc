"""What can be wrong with a file, on its way in and on its way out."""

from helpdesk_api.web.errors import BadRequest, Conflict, Forbidden, NotFound, ServiceUnavailable, Unprocessable


class AttachmentNotFound(NotFound):
    code = "attachment_not_found"
    title = "There is no such attachment"
    default_detail = "It does not exist, or it is not yours to see."


class ThumbnailNotAvailable(NotFound):
    code = "thumbnail_not_available"
    title = "There is no small picture of this"
    default_detail = "It is no picture, too large for one, or the worker has not made it yet."


class FileLinkInvalid(NotFound):
    code = "file_link_invalid"
    title = "This link leads nowhere"
    default_detail = "It was never given out, has expired, or its file is gone; ask for a new one."


class InvalidMultipart(BadRequest):
    code = "invalid_multipart"
    title = "The body is not multipart/form-data"


class UploadIncomplete(BadRequest):
    code = "upload_incomplete"
    title = "The upload ended before the file did"
    default_detail = "Nothing was kept."


class OneFileExpected(Unprocessable):
    code = "one_file_expected"
    title = "One upload brings one file"
    default_detail = "Send exactly one part, called `file`, with a file name."


class FileEmpty(Unprocessable):
    code = "file_empty"
    title = "The file is empty"


class FileTypeRefused(Unprocessable):
    """`params`: `content_type` as found in the content, `reason`."""

    code = "file_type_refused"
    title = "Files of this kind are not taken"
    cause = "Programs, scripts, HTML and SVG can act on the machine of whoever opens them."
    remedy = "Send another kind of file, such as a picture or a PDF of it."


class FilePolyglot(Unprocessable):
    code = "file_polyglot"
    title = "This is two kinds of file at once"
    default_detail = "A second format hides inside the first; such files are made to deceive."


class ArchiveBomb(Unprocessable):
    code = "archive_bomb"
    title = "This archive unpacks to far too much"


class ArchiveUnreadable(Unprocessable):
    code = "archive_unreadable"
    title = "This archive cannot be judged"
    default_detail = "Its table of contents is missing, broken or too long."


class TooManyUploads(Conflict):
    code = "too_many_uploads"
    title = "There are too many files that belong to nothing yet"
    remedy = "Refer to them, delete them, or wait: what belongs to nothing goes after 24 hours."


class AttachmentQuarantined(Conflict):
    code = "attachment_quarantined"
    title = "The file is still being scanned"
    default_detail = "It can be had once the virus scanner has found it clean."
    remedy = "Try again shortly."


class AttachmentRefused(Conflict):
    code = "attachment_refused"
    title = "The file was refused"
    default_detail = "The virus scanner found something in it, and it was removed."


class NotTheUploader(Forbidden):
    code = "not_the_uploader"
    title = "Only who uploaded a file, or an administrator, deletes it"


class DeletionWindowPassed(Conflict):
    code = "deletion_window_passed"
    title = "It is too late to delete this attachment"


class StorageDown(ServiceUnavailable):
    code = "storage_unavailable"
    title = "The store of files does not answer"


class TooManyArticleFiles(Conflict):
    code = "too_many_article_files"
    title = "There are enough files in this article"
    remedy = "Delete one, or name those that others have in a link."
