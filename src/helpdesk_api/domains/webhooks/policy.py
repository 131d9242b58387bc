"""Whose webhooks somebody sees and changes: their own; administrators everybody's."""

from sqlalchemy import ColumnElement, true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.webhooks.models import Webhook


def readable(principal: Principal) -> ColumnElement[bool]:
    return true() if principal.is_admin else Webhook.owner_id == principal.user_id
