"""What is kept in a limited number: who comes second at the same time finds the last place taken."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.canned_responses import actions as responses
from helpdesk_api.domains.canned_responses.schemas import CannedResponseCreate
from helpdesk_api.domains.drafts import actions as drafts
from helpdesk_api.domains.drafts.schemas import DraftCreate
from helpdesk_api.domains.macros import actions as macros
from helpdesk_api.domains.macros.schemas import MacroCreate
from helpdesk_api.domains.ticket_templates import actions as templates
from helpdesk_api.domains.ticket_templates.schemas import TicketTemplateCreate
from helpdesk_api.domains.views import actions as views
from helpdesk_api.domains.views.schemas import ViewCreate
from helpdesk_api.web.errors import Conflict
from tests.factories.records import make_ticket, make_user, principal_of

LIMITS = (
    "views.actions.MAX_VIEWS",
    "macros.queries.MAX_MACROS",
    "drafts.actions.MAX_DRAFTS",
    "canned_responses.queries.MAX_RESPONSES",
    "ticket_templates.queries.MAX_TEMPLATES",
)
VIEW = ViewCreate.model_validate({"name": "Mine", "scope": "personal"})
SHARED = {"title": "Greeting", "scope": "shared"}
MACRO = MacroCreate.model_validate({**SHARED, "steps": [{"op": "update", "body": {"tags": ["vpn"]}}]})
RESPONSE = CannedResponseCreate.model_validate({**SHARED, "body": "Hello"})
TEMPLATE = TicketTemplateCreate.model_validate({"name": "New colleague", "fields": {}})
DRAFT = DraftCreate.model_validate({"body": "Hello"})


async def test_the_last_place_of_each_kind_is_taken_once(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in LIMITS:
        monkeypatch.setattr(f"helpdesk_api.domains.{limit}", 1)
    user = await make_user(own_database, role=Role.ADMIN)
    caller, ticket = await principal_of(own_database, user), await make_ticket(own_database, by=user)

    async def add(kind: str, session: AsyncSession) -> None:
        if kind == "views":
            await views.create_view(session, caller, VIEW)
        elif kind == "macros":
            await macros.create_macro(session, caller, MACRO)
        elif kind == "drafts":
            await drafts.write_draft(session, caller, ticket.id, DRAFT)
        elif kind == "canned_responses":
            await responses.create_response(session, own_database, caller, RESPONSE)
        else:
            await templates.create_template(session, own_database, caller, TEMPLATE)

    async def outcome(kind: str, together: asyncio.Barrier) -> str:
        try:
            async with own_database.session() as session:
                await session.execute(select(1))
                await together.wait()
                await add(kind, session)
        except Conflict as error:
            return error.code
        return "added"

    for kind in ("views", "macros", "drafts", "canned_responses", "ticket_templates"):
        together = asyncio.Barrier(2)
        outcomes = await asyncio.gather(outcome(kind, together), outcome(kind, together))
        assert sorted(outcomes) == ["added", f"too_many_{kind}"]
