"""Every operation of the application, found by itself: writes with a key are done once, records know their ETag.

Paths are filled with records that are made for the call, by the operation that makes such records; bodies are the
document's own examples, with ids of records that exist. What cannot be called so stands in a list, with the reason.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import storing
from helpdesk_api.integrations.storage.memory import MemoryStorage
from helpdesk_api.web.openapi.nodes import operations
from tests.contract.hostile import TYPED_PREFIX, Json, Operation
from tests.factories.records import make_category, make_organization, make_team, make_user
from tests.fixtures.contract import document_of

_ID = re.compile(r"([a-z]{3})_[0-9a-f]{32}")
_REFERENCE = re.compile(r"(INC|REQ|PRB|CHG)-[0-9]+")
# What is written beside every request, and what is no state of the desk.
_BESIDE = {"idempotency_keys", "rate_limit_windows", "sign_in_attempts"}
WRONG = {"If-Match": '"of-nothing"'}
# What the walk cannot call, and why; a line that is no longer needed fails.
EXCEPTED: dict[str, str] = {
    "rateTicket": "the requester's alone, and the walk calls as an administrator; a test of its own repeats it",
    "requeueJob": "only a worker makes a job that failed for good; a test of its own repeats it",
    "requeueMailMessage": "only a worker makes a message that could not be sent; tests of its own repeat and read it",
    "redeliverWebhookDelivery": "only a worker's relay makes deliveries; tests of its own repeat and read it",
    "uploadAttachment": "its body is a file, which has no example; tests of its own repeat it",
    "stopTimer": "stops what another operation started; a test of its own repeats it",
}

UNREAD: dict[str, str] = {
    "getEvent": "only a worker's relay gives events their place in the log; a test of its own asks one again",
    "getMailMessage": EXCEPTED["requeueMailMessage"],
    "getWebhookDelivery": EXCEPTED["redeliverWebhookDelivery"],
    "getAttachment": EXCEPTED["uploadAttachment"],
    "getCategoryForm": "a category that is made for the call has no form; a test of its own asks one again",
    "getFile": "its link stands in another answer, and is good for minutes",
    "notifyByGetAndKey": "a door of senders, and no record",
    "getAlert": "alerts come in by the intake; a test of its own asks one again",
    "listPublicArticleAttachments": "of what other operations publish; a test of its own reads them",
    "getPublicArticle": "what everybody reads is published by other operations; tests of its own ask it again",
}
UNCHANGED: dict[str, str] = {"deleteAttachment": EXCEPTED["uploadAttachment"]}
# What takes no key or no ETag, and why.
_SECRET = "its answer is shown once, so it is not kept to be shown again"
_MEMBER = "one either belongs to it or not, whatever else has changed"
_ENDS = "ends it for good; there is nothing to overwrite"
_ITS_OWN_KEY = "an alert has a key of its own, and a repetition counts on it"
_NOT_KEPT = "nothing is kept of it, so nothing happens twice"
_PASSES = "expires within the minute, and everybody says it of themselves alone: nobody overwrites another"
_MADE_ANEW = "its answer is made for this call, and is never the same twice"
_QUESTION = "answers a question, and is no record"
_STREAM = "read on from where the caller stands, and not again"
WITHOUT: dict[str, str] = {
    **dict.fromkeys(
        ("createApiKey", "createServiceAccount", "changeServiceAccountSecret", "createSession", "refreshSession"),
        _SECRET,
    ),
    **dict.fromkeys(("createOAuthToken", "changeMyPassword", "requestPasswordReset", "confirmPasswordReset"), _SECRET),
    **dict.fromkeys(("putTeamMember", "removeTeamMember", "shareTicket", "unshareTicket", "unlinkTicket"), _MEMBER),
    **dict.fromkeys(
        ("addTicketParticipant", "removeTicketParticipant", "watchTicket", "unwatchTicket"),
        _MEMBER,
    ),
    "enqueuePagerDutyChange": _NOT_KEPT,
    **dict.fromkeys(
        (
            "createAlertIntegration",
            "rotateAlertIntegrationKey",
            "createWebhook",
            "rotateWebhookSecret",
            "createStreamTicket",
        ),
        _SECRET,
    ),
    **dict.fromkeys(
        (
            "sendAlerts",
            "sendAlertsByKey",
            "notifyByGet",
            "enqueuePagerDutyEvent",
            "createOpsgenieAlert",
            "acknowledgeOpsgenieAlert",
            "closeOpsgenieAlert",
        ),
        _ITS_OWN_KEY,
    ),
    **dict.fromkeys(("relateArticle", "unrelateArticle"), _MEMBER),
    **dict.fromkeys(("revokeApiKey", "revokeSession", "signOut"), _ENDS),
    **dict.fromkeys(("setTicketPresence", "clearTicketPresence"), _PASSES),
    **dict.fromkeys(
        (
            "downloadAttachment",
            "getAttachmentThumbnail",
            "downloadPublicAttachment",
            "listTicketSlas",
            "explainTicketSla",
            "suggestForTicket",
            "getClassificationReport",
            "reportSuggestions",
        ),
        _MADE_ANEW,
    ),
    **dict.fromkeys(
        ("getWorkingTime", "addWorkingTime", "compareArticleVersions", "getLiveness", "getReadiness"), _QUESTION
    ),
    "streamEvents": _STREAM,
}


def takes(operation: Operation, header: str) -> bool:
    return any(one["in"] == "header" and one["name"] == header for one in operation.parameters)


def answers_page(operation: Operation) -> bool:
    """Everything else that is read is one record."""
    answer = operation.node["responses"].get("200", {}).get("content", {}).get("application/json", {})
    return "next_cursor" in operation.resolve(answer.get("schema", {})).get("properties", {})


class CannotBeMade(Exception):
    """A record that a path or a body needs: where it would lie, and what was answered there."""


class Desk:
    """A desk with whatever a call needs, made when it is needed."""

    def __init__(self, document: Json, database: Database, client: httpx.AsyncClient) -> None:
        self.database, self.client = database, client
        self.operations = {
            (one.method, one.path): one for one in (Operation(document, *x) for x in operations(document))
        }
        self._numbers = count(1)

    async def path(self, operation: Operation) -> str:
        """With a record for each parameter, made below the one before it."""
        path = ""
        for part in operation.path.strip("/").split("/"):
            path += "/" + (await self._record(operation, path, part[1:-1]) if part.startswith("{") else part)
        await self._prepare(operation, path)
        return path

    async def _record(self, operation: Operation, place: str, parameter: str) -> str:
        node = next(one for one in operation.parameters if one["name"] == parameter)
        typed = TYPED_PREFIX.match(operation.resolve(node["schema"]).get("pattern", ""))
        prefix = typed.group(1) if typed else ""
        template = operation.path[: operation.path.index(f"/{{{parameter}}}")]
        if template in _MADE_AT:
            template = _MADE_AT[template]
            place = template.format(ticket_id=await self.made("tkt"))
        if ("post", template) in self.operations:
            made = await self.client.post(place, json=await self.body(self.operations["post", template]))
            if not made.is_success:
                raise CannotBeMade(place, made.text)
            return str(made.json()["number" if parameter == "number" else "id"])
        if prefix in _MADE:
            return await self.made(prefix)
        rows = (await self.client.get(place)).json()["data"] if ("get", template) in self.operations else []
        if rows and not {"id", "ongoing_cycle"} & rows[0].keys():
            rows = []
        if not rows and parameter != "number":
            raise CannotBeMade(place, "nothing lies there")
        # A ticket's clocks are listed by what they measure, each with its cycles.
        return str((rows[0].get("ongoing_cycle") or rows[0])["id"]) if rows else "1"

    async def made(self, prefix: str) -> str:
        if prefix == "tkt":
            body = {"subject": "VPN drops", "description": "Often.", "impact": "low", "urgency": "low"}
            return str((await self.client.post("/v1/tickets", json=body)).json()["id"])
        return public_id(prefix, (await _MADE[prefix](self.database)).id)

    async def body(self, operation: Operation) -> Any:
        if operation.body is None:
            return None
        body = await self._with_records(operation.body["example"])
        if operation.node["operationId"] == "createBulkJob":
            # The example asks a question, of which nobody knows how much it finds here.
            body = {"steps": body["steps"], "ticket_ids": [await self.made("tkt")]}
        return body

    async def _with_records(self, value: Any) -> Any:
        if isinstance(value, dict):
            filled = {key: await self._with_records(one) for key, one in value.items()}
            if isinstance(filled.get("name"), str):
                filled["name"] += f" {next(self._numbers)}"
            if isinstance(filled.get("email"), str):
                filled["email"] = f"{next(self._numbers)}.{filled['email']}"
            return filled
        if isinstance(value, list):
            return [await self._with_records(one) for one in value]
        if isinstance(value, str) and (found := _ID.fullmatch(value)):
            return await self.made(found[1]) if found[1] in _MADE else await self._like(found[1])
        if isinstance(value, str) and _REFERENCE.fullmatch(value):
            return await self.made("tkt")
        return value

    async def _like(self, prefix: str) -> str:
        """A record of a kind that only its own operation makes."""
        if prefix == "att":
            uploaded = await self.client.post("/v1/attachments", files={"file": ("notes.txt", b"Often.")})
            return str(uploaded.json()["id"])
        template = _COLLECTIONS[prefix]
        made = await self.client.post(template, json=await self.body(self.operations["post", template]))
        if not made.is_success:
            raise CannotBeMade(template, made.text)
        return str(made.json()["id"])

    async def _prepare(self, operation: Operation, path: str) -> None:
        for verb, body in _BEFORE.get(operation.node["operationId"], ()):
            reply = await self.client.post(f"{path.rpartition('/')[0]}/{verb}", json=body)
            if not reply.is_success:
                raise CannotBeMade(verb, reply.text)

    async def state(self) -> Any:
        """Of the whole database: how many rows, and what is in them."""
        tables = [table.name for table in Base.metadata.sorted_tables if table.name not in _BESIDE]
        each = [f"SELECT '{name}', count(*), sum(hashtextextended(t::text, 0)) FROM {name} t" for name in tables]
        async with self.database.session() as session:
            return (await session.execute(text(" UNION ALL ".join(each)))).all()


_MADE: dict[str, Callable[[Database], Any]] = {
    "usr": lambda database: make_user(database, role=Role.AGENT),
    "tea": make_team,
    "cat": make_category,
    "org": make_organization,
    "tkt": lambda database: None,
}
# Where else than in the list above it a record is made.
_MADE_AT = {"/v1/reminders": "/v1/tickets/{ticket_id}/reminders"}
_COLLECTIONS = {
    "frm": "/v1/forms",
    "cal": "/v1/calendars",
    "rul": "/v1/routing-rules",
    "slp": "/v1/sla-policies",
}
_RESOLVE = ("resolve", {"resolution_code": "fixed", "resolution_text": "Done."})
# By what verbs a ticket comes to where the operation can be done.
_BEFORE: dict[str, list[tuple[str, Json]]] = {
    "resumeTicket": [("start", {}), ("pend", {"reason": "vendor"})],
    "pendTicket": [("start", {})],
    "confirmTicket": [("start", {}), _RESOLVE],
    "reopenTicket": [("start", {}), _RESOLVE],
    "closeTicket": [("start", {}), _RESOLVE],
    "draftTicketArticle": [("start", {}), _RESOLVE],
    "approveArticle": [("submit", {})],
    "rejectArticle": [("submit", {})],
    "restoreArticle": [("archive", {})],
    "reviewArticle": [("publish", {})],
}


@pytest.fixture
def desk(app: FastAPI, database: Database, admin_client: httpx.AsyncClient) -> Desk:
    storing.use_storage(MemoryStorage(), None)
    return Desk(document_of(app), database, admin_client)


async def _called(desk: Desk, operation: Operation) -> tuple[str, Any] | str:
    """Path and body of a call; else why there is none."""
    try:
        return await desk.path(operation), await desk.body(operation)
    except CannotBeMade as error:
        return f"{operation.node['operationId']}: {error}"


async def _replayed(desk: Desk, operation: Operation) -> str | None:
    """What is wrong; None when the second call did nothing and answered as the first."""
    name, called = operation.node["operationId"], await _called(desk, operation)
    if isinstance(called, str):
        return called
    call = {"url": called[0], "json": called[1], "headers": {"Idempotency-Key": name}}
    first = await desk.client.request(operation.method.upper(), **call)
    if not first.is_success:
        return f"{name}: {first.status_code} {first.text}"
    before = await desk.state()
    again = await desk.client.request(operation.method.upper(), **call)
    if (again.status_code, again.content) != (first.status_code, first.content):
        return f"{name}: answers {again.status_code} {again.text}"
    if again.headers.get("Idempotency-Replayed") != "true":
        return f"{name}: does not say that it is a replay"
    return None if await desk.state() == before else f"{name}: done twice"


async def _unchanged(desk: Desk, operation: Operation) -> str | None:
    """What is wrong; None when whoever holds the ETag is answered 304, and nobody else."""
    name, called = operation.node["operationId"], await _called(desk, operation)
    if isinstance(called, str):
        return called
    first = await desk.client.get(called[0])
    if not first.is_success or "etag" not in first.headers:
        return f"{name}: {first.status_code} without an ETag: {first.text}"
    held = await desk.client.get(called[0], headers={"If-None-Match": first.headers["etag"]})
    if (held.status_code, held.content, held.headers["etag"]) != (304, b"", first.headers["etag"]):
        return f"{name}: {held.status_code} {held.text}"
    other = await desk.client.get(called[0], headers={"If-None-Match": '"of-nothing"'})
    return None if other.content == first.content else f"{name}: {other.status_code} {other.text}"


async def _refused(desk: Desk, operation: Operation) -> str | None:
    """What is wrong; None when a wrong ETag is refused and nothing is changed."""
    name, called = operation.node["operationId"], await _called(desk, operation)
    if isinstance(called, str):
        return called
    before = await desk.state()
    body = {} if called[1] is None else {"json": called[1]}
    reply = await desk.client.request(operation.method.upper(), called[0], headers=WRONG, **body)
    if (reply.status_code, reply.json().get("code")) != (412, "precondition_failed"):
        return f"{name}: {reply.status_code} {reply.text}"
    return None if await desk.state() == before else f"{name}: refused, and done all the same"


WALKS = {
    "Idempotency-Key": (_replayed, EXCEPTED),
    "If-None-Match": (_unchanged, UNREAD),
    "If-Match": (_refused, UNCHANGED),
}


@pytest.mark.parametrize("header", WALKS)
async def test_every_operation_that_takes_it(desk: Desk, header: str) -> None:
    check, excepted = WALKS[header]
    found = {
        operation.node["operationId"]: await check(desk, operation)
        for operation in desk.operations.values()
        if takes(operation, header)
    }
    wrong = {name: failure for name, failure in found.items() if failure is not None}
    assert len(found) > len(wrong)
    assert sorted(wrong) == sorted(excepted.keys() & found.keys()), "\n".join(wrong.values())


def test_every_operation_that_should_take_it_does(app: FastAPI) -> None:
    missing = []
    document = document_of(app)
    for operation in (Operation(document, *found) for found in operations(document)):
        name, is_record = operation.node["operationId"], not answers_page(operation)
        if operation.method in {"post", "patch"} and not takes(operation, "Idempotency-Key"):
            missing.append(name)
        if operation.method == "get" and is_record and not takes(operation, "If-None-Match"):
            missing.append(name)
        if operation.method in {"patch", "put", "delete"} and not takes(operation, "If-Match"):
            missing.append(name)
    assert set(missing) ^ WITHOUT.keys() == set()
