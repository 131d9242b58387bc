"""Reads of forms; what opening a ticket needs comes from a cache."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.forms.enums import FieldKind
from helpdesk_api.domains.forms.errors import FormNotFound, FormVersionNotFound
from helpdesk_api.domains.forms.models import Form, FormVersion
from helpdesk_api.domains.forms.rules import FormFields, is_internal
from helpdesk_api.web.listing import whole_page

FORMS = "forms"
MAX_FORMS = 500
_HEAD = tuple(Form.__table__.c)


@dataclass(frozen=True, slots=True)
class FormFacts:
    """A form with all its versions, as tickets need it."""

    id: UUID
    number: int
    archived_at: datetime | None
    versions: Mapping[int, FormFields]

    @property
    def in_force(self) -> FormFields:
        return self.versions[self.number]


class _KnownForms(dict[UUID, FormFacts]):
    """By id, archived ones too."""

    @cached_property
    def kinds(self) -> Mapping[bool, Mapping[str, frozenset[FieldKind]]]:
        """By whether the staff asks, and by key, in all versions: a ticket keeps the one that it was opened with."""
        found: dict[bool, dict[str, set[FieldKind]]] = {True: {}, False: {}}
        versions = [version for form in self.values() for version in form.versions.values()]
        for field in (field for version in versions for field in version.fields):
            for is_staff in (True,) if is_internal(field) else (True, False):
                found[is_staff].setdefault(field["key"], set()).add(FieldKind(field["kind"]))
        return {who: {key: frozenset(kinds) for key, kinds in asked.items()} for who, asked in found.items()}


async def _load(reads: ReadSession, key: str) -> _KnownForms:
    del key
    heads = {row["id"]: row for row in await reads.fetch(select(*_HEAD))}
    versions: dict[UUID, dict[int, FormFields]] = {form_id: {} for form_id in heads}
    for row in await reads.fetch(select(FormVersion.form_id, FormVersion.number, FormVersion.fields)):
        name = heads[row["form_id"]]["name"]
        versions[row["form_id"]][row["number"]] = FormFields(name, row["number"], row["fields"])
    return _KnownForms(
        (form_id, FormFacts(form_id, head["number"], head["archived_at"], versions[form_id]))
        for form_id, head in heads.items()
    )


_forms: InvalidatedCache[_KnownForms] = InvalidatedCache(FORMS, _load)


async def form(database: Database, form_id: UUID) -> FormFacts | None:
    """Archived ones included; None when there is none."""
    return (await _forms.get(database)).get(form_id)


async def keys_seen(database: Database, form_ids: Collection[UUID] | None) -> frozenset[str]:
    """Of what requesters are shown, by all of these forms that ask it; of every form when None."""
    known = await _forms.get(database)
    asked = [known[one].in_force for one in (known if form_ids is None else form_ids) if one in known]
    keys = frozenset(field["key"] for form in asked for field in form.fields)
    return keys.difference(*(form.internal for form in asked))


async def kinds_asked(reads: ReadSession, *, is_staff: bool) -> Mapping[str, frozenset[FieldKind]]:
    """What any form asks for by this key; nothing of the staff's own for others."""
    return (await _forms.get_by(reads)).kinds[is_staff]


def shown_form(head: Mapping[str, Any], number: int, fields: Any, *, is_staff: bool) -> dict[str, Any]:
    kept = {name: head[name] for name in ("id", "name", "description", "archived_at", "created_at", "updated_at")}
    return {**kept, "number": number, "fields": [one for one in fields if is_staff or not is_internal(one)]}


async def list_forms(reads: ReadSession, *, is_staff: bool, is_archived: bool) -> dict[str, Any]:
    archived = Form.archived_at.is_not(None)
    statement = (
        select(*_HEAD, FormVersion.fields)
        .join(FormVersion, (FormVersion.form_id == Form.id) & (FormVersion.number == Form.number))
        .where(archived if is_archived else ~archived)
        .order_by(func.lower(Form.name), Form.id)
        .limit(MAX_FORMS)
    )
    rows = await reads.fetch(statement)
    return whole_page([shown_form(row, row["number"], row["fields"], is_staff=is_staff) for row in rows])


async def get_form(
    reads: ReadSession, form_id: UUID, number: int | None, *, is_staff: bool
) -> tuple[dict[str, Any], int]:
    """The form as of a version or the one in force, and the number for its ETag.

    Raises `form_not_found` and `form_version_not_found`.
    """
    head = await reads.fetch_one(select(*_HEAD).where(Form.id == form_id))
    if head is None:
        raise FormNotFound
    wanted = head["number"] if number is None else number
    of_form = (FormVersion.form_id == form_id, FormVersion.number == wanted)
    fields = await reads.fetch_value(select(FormVersion.fields).where(*of_form))
    if fields is None:
        raise FormVersionNotFound
    return shown_form(head, wanted, fields, is_staff=is_staff), head["version"]


async def lock_form(session: AsyncSession, form_id: UUID) -> Form:
    """Raises `form_not_found`."""
    found = await session.get(Form, form_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise FormNotFound
    return found


async def fields_of(session: AsyncSession, form_id: UUID, number: int) -> list[dict[str, Any]]:
    version = await session.get(FormVersion, (form_id, number))
    return version.fields if version is not None else []
