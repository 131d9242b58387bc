"""Changing forms: new fields are a new version, and every process forgets its copy."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, parse_id
from helpdesk_api.domains.forms import errors, events, queries
from helpdesk_api.domains.forms.enums import FieldKind
from helpdesk_api.domains.forms.models import Form, FormVersion
from helpdesk_api.domains.forms.rules import check_fields
from helpdesk_api.domains.forms.schemas import FormCreate, FormField, FormUpdate
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import FieldError
from helpdesk_api.web.schemas import instant_text


async def create_form(session: AsyncSession, principal: Principal, body: FormCreate) -> Form:
    """Raises `form_name_taken` and `invalid_form_field`."""
    fields = await _checked(session, body.fields)
    now = clock.now()
    form = Form(
        id=new_id(),
        name=body.name,
        description=body.description,
        number=1,
        archived_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(form)
    await _flush_checked(session)
    _add_version(session, principal, form, fields)
    await _record(session, principal, form, events.FormCreated, {"name": (None, form.name)})
    return form


async def update_form(session: AsyncSession, principal: Principal, form: Form, body: FormUpdate) -> None:
    """Raises `form_archived`, `form_name_taken` and `invalid_form_field`."""
    if form.archived_at is not None:
        raise errors.FormArchived
    values: dict[str, Any] = body.model_dump(exclude_unset=True, exclude={"fields"})
    if "fields" in body.model_fields_set:
        fields = await _checked(session, body.fields)
        if fields != await queries.fields_of(session, form.id, form.number):
            values["number"] = form.number + 1
    changes = {name: (getattr(form, name), value) for name, value in values.items() if getattr(form, name) != value}
    if not changes:
        return
    for name, value in values.items():
        setattr(form, name, value)
    form.version += 1
    form.updated_at = clock.now()
    await _flush_checked(session)
    if "number" in changes:
        _add_version(session, principal, form, fields)
    await _record(session, principal, form, events.FormUpdated, changes)


async def archive_form(session: AsyncSession, principal: Principal, form: Form) -> None:
    """Idempotent: it opens no new ticket; those that have it keep it."""
    if form.archived_at is not None:
        return
    form.archived_at = form.updated_at = clock.now()
    form.version += 1
    await _record(
        session, principal, form, events.FormArchived, {"archived_at": (None, instant_text(form.archived_at))}
    )


async def _checked(session: AsyncSession, fields: list[FormField]) -> list[dict[str, Any]]:
    shown = [field.model_dump(mode="json") for field in fields]
    wrong = check_fields(shown) or await _defaults_of_nobody(session, shown)
    if wrong:
        message = f"{len(wrong)} place(s) of the fields do not fit; see `errors`."
        raise errors.InvalidFormField(message, errors=wrong)
    return shown


async def _defaults_of_nobody(session: AsyncSession, fields: list[dict[str, Any]]) -> list[FieldError]:
    """One statement, where a default names somebody."""
    named = {
        place: parse_id("usr", field["default"])
        for place, field in enumerate(fields)
        if field["kind"] == FieldKind.USER.value and field["default"] is not None
    }
    if not named:
        return []
    known = set(await session.scalars(select(User.id).where(User.id.in_(named.values()))))
    return [
        FieldError("default_does_not_fit", "there is nobody with this id", pointer=f"#/fields/{place}/default")
        for place, person in named.items()
        if person not in known
    ]


def _add_version(session: AsyncSession, principal: Principal, form: Form, fields: list[dict[str, Any]]) -> None:
    session.add(
        FormVersion(
            form_id=form.id,
            number=form.number,
            fields=fields,
            created_by_id=principal.user_id,
            created_at=clock.now(),
        )
    )


async def _record(
    session: AsyncSession,
    principal: Principal,
    form: Form,
    kind: type[events.FormEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    await session.flush()
    await invalidate(session, queries.FORMS)
    event = kind(
        subject_id=form.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"name": form.name, "number": form.number},
        entity=form,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == "uq_forms_name":
            raise errors.FormNameTaken(pointer="#/name") from error
        raise
