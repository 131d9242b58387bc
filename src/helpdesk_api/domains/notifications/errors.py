"""What can be wrong with a request about our mails."""

from helpdesk_api.web.errors import Conflict, NotFound


class MailNotFound(NotFound):
    code = "mail_message_not_found"
    title = "There is no such mail"


class MailAlreadySent(Conflict):
    code = "mail_already_sent"
    title = "This mail has been sent"
    default_detail = "It was taken by the mail server; sending it again would make it two."
