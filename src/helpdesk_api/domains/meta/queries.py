"""Labels are data beside this module; limits are what the rules and the settings say."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from helpdesk_api.conditions import tree
from helpdesk_api.config import Settings
from helpdesk_api.domains.bulk.job_schemas import MAX_TICKETS
from helpdesk_api.domains.bulk.schemas import MAX_BULK
from helpdesk_api.domains.categories import rules as categories
from helpdesk_api.domains.forms.schemas import MAX_FIELDS
from helpdesk_api.domains.meta.schemas import EnumValue, Labels, Limits
from helpdesk_api.domains.relations import rules as relations
from helpdesk_api.domains.tickets.schemas import MAX_ATTACHMENTS
from helpdesk_api.domains.tickets.windows import auto_close_after, reopen_window
from helpdesk_api.domains.views.queries import MAX_VIEWS
from helpdesk_api.web import idempotency
from helpdesk_api.web.listing import MAX_LIMIT
from helpdesk_api.web.openapi.vocabulary import problem_classes
from helpdesk_api.web.schemas import MAX_QUERY


@cache
def enums() -> dict[str, list[EnumValue]]:
    """By schema, in the contract's order."""
    german = _data("problems_de.toml")
    problems = {
        code: {"en": kind.title, "de": german[code]} for code, kind in problem_classes().items() if code in german
    }
    return {
        name: [EnumValue(value=value, labels=Labels(**labels)) for value, labels in values.items()]
        for name, values in {**_data("labels.toml"), "ProblemCode": problems}.items()
    }


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))


def limits(settings: Settings) -> Limits:
    return Limits(
        page_rows=MAX_LIMIT,
        body_bytes=settings.max_body_bytes,
        attachment_bytes=settings.max_attachment_bytes,
        attachments=MAX_ATTACHMENTS,
        requests_per_minute=settings.rate_limit_per_minute,
        idempotency_key_characters=idempotency.MAX_KEY,
        idempotency_seconds=int(idempotency.KEPT_FOR.total_seconds()),
        query_characters=MAX_QUERY,
        condition_depth=tree.MAX_DEPTH,
        condition_leaves=tree.MAX_LEAVES,
        bulk_tickets=MAX_BULK,
        bulk_job_tickets=MAX_TICKETS,
        views=MAX_VIEWS,
        form_fields=MAX_FIELDS,
        category_levels=categories.MAX_DEPTH,
        family_levels=relations.MAX_LEVELS,
        children=relations.MAX_CHILDREN,
        reopen_window_seconds=int(reopen_window().total_seconds()),
        auto_close_seconds=int(auto_close_after().total_seconds()),
        comment_edit_seconds=settings.comment_edit_window_seconds,
    )
