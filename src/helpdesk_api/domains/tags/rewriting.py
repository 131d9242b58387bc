"""What names a tag besides tickets: views, macros, routing rules, ticket templates, webhooks and the rules of alert
integrations follow it at once.

A view's question in the search language keeps every word but the tag. A published service level policy is never
rewritten, so it stands in the way.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, any_, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.domains.alerts.models import AlertIntegration
from helpdesk_api.domains.alerts.queries import INTEGRATION_CACHE
from helpdesk_api.domains.assignments.models import RoutingRule
from helpdesk_api.domains.assignments.queries import RULES
from helpdesk_api.domains.macros.models import Macro
from helpdesk_api.domains.sla.enums import VersionState
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.tags.errors import TagNotInQueries
from helpdesk_api.domains.tags.rules import (
    renamed,
    renamed_in_fields,
    renamed_in_matchers,
    renamed_in_query,
    renamed_in_steps,
    renamed_in_tree,
)
from helpdesk_api.domains.ticket_templates.models import TicketTemplate
from helpdesk_api.domains.views.models import View
from helpdesk_api.domains.webhooks.models import Webhook

_IN_TREE = '$.** ? (@.field == "tags" && (@.value == $tag || @.value[*] == $tag))'
_IN_TAGS = "$.**.tags[*] ? (@ == $tag)"
Change = Callable[[Any, str, str], Any]


def _names(column: Any, path: str, tag: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = func.jsonb_path_exists(
        column, cast(literal(path, String), JSONPATH), func.jsonb_build_object("tag", cast(tag, String))
    )
    return found


async def policies_that_name(session: AsyncSession, tag: str) -> list[UUID]:
    """Those with a version that counts, or will, or is a draft."""
    later = aliased(SlaPolicyVersion)
    superseded = exists(
        select(later.number).where(
            later.policy_id == SlaPolicyVersion.policy_id,
            later.number > SlaPolicyVersion.number,
            later.state == VersionState.PUBLISHED,
            later.effective_from <= clock.now(),
        )
    )
    statement = (
        select(SlaPolicy.id)
        .join(SlaPolicyVersion, SlaPolicyVersion.policy_id == SlaPolicy.id)
        .where(SlaPolicy.archived_at.is_(None), ~superseded, _names(SlaPolicyVersion.definition, _IN_TREE, tag))
        .distinct()
        .order_by(SlaPolicy.id)
        .limit(50)
    )
    return list(await session.scalars(statement))


async def rewrite(session: AsyncSession, tag: str, new_name: str) -> dict[str, int]:
    """How many of each were changed. Their versions move, so that nobody overwrites what they have not seen. Raises
    `tag_not_in_queries`."""
    in_rule = or_(_names(RoutingRule.conditions, _IN_TREE, tag), any_(RoutingRule.add_tags) == tag)
    in_macro = or_(_names(Macro.conditions, _IN_TREE, tag), _names(Macro.steps, _IN_TAGS, tag))
    in_view = or_(_names(View.conditions, _IN_TREE, tag), View.query.contains(tag, autoescape=True))
    found = {
        "views": await _change(
            session, View, in_view, {"conditions": renamed_in_tree, "query": _in_query}, tag, new_name
        ),
        "macros": await _change(
            session, Macro, in_macro, {"conditions": renamed_in_tree, "steps": renamed_in_steps}, tag, new_name
        ),
        "rules": await _change(
            session, RoutingRule, in_rule, {"conditions": renamed_in_tree, "add_tags": renamed}, tag, new_name
        ),
        "templates": await _change(
            session,
            TicketTemplate,
            _names(TicketTemplate.fields, _IN_TAGS, tag),
            {"fields": renamed_in_fields},
            tag,
            new_name,
        ),
        "webhooks": await _change(
            session, Webhook, _names(Webhook.conditions, _IN_TREE, tag), {"conditions": renamed_in_tree}, tag, new_name
        ),
        "integrations": await _change(
            session,
            AlertIntegration,
            _names(AlertIntegration.rules, _IN_TAGS, tag),
            {"rules": renamed_in_matchers},
            tag,
            new_name,
        ),
    }
    await session.flush()
    if found["rules"]:
        await invalidate(session, RULES)
    if found["integrations"]:
        await invalidate(session, INTEGRATION_CACHE)
    return found


async def _change(
    session: AsyncSession,
    kind: Any,
    naming: ColumnElement[bool],
    columns: dict[str, Change],
    tag: str,
    new_name: str,
) -> int:
    rows = (await session.scalars(select(kind).where(naming).order_by(kind.id).with_for_update())).all()
    count = 0
    for row in rows:
        held = {column: getattr(row, column) for column in columns}
        changed = {column: change(held[column], tag, new_name) for column, change in columns.items()}
        if changed == held:
            continue
        for column, value in changed.items():
            setattr(row, column, value)
        row.version += 1
        row.updated_at = clock.now()
        count += 1
    return count


def _in_query(query: str | None, tag: str, new_name: str) -> str | None:
    try:
        return renamed_in_query(query, tag, new_name)
    except ValueError as error:
        raise TagNotInQueries(pointer="#/new_name") from error
