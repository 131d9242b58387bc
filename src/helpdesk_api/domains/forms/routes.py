"""Forms over HTTP."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import FormId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.forms import actions, errors, queries
from helpdesk_api.domains.forms.models import Form
from helpdesk_api.domains.forms.rules import schema_of
from helpdesk_api.domains.forms.schemas import FormCreate, FormPage, FormRead, FormSchema, FormUpdate
from helpdesk_api.web.errors import PreconditionFailed, documents
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/forms", tags=["forms"])
_READ = [requires(Permission.CONFIGURATION_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]
Number = Annotated[int, Path(ge=1, le=2_147_483_647)]


async def _shown(session: SessionDep, form: Form, response: Response) -> dict[str, Any]:
    set_etag(response, etag_of(form.version))
    fields = await queries.fields_of(session, form.id, form.number)
    head = {column.key: getattr(form, column.key) for column in Form.__table__.c}
    return queries.shown_form(head, form.number, fields, is_staff=True)


@router.get("", operation_id="listForms", summary="List forms", response_model=FormPage, dependencies=_READ)
async def list_forms(
    principal: PrincipalDep,
    reads: ReadSessionDep,
    is_archived: Annotated[bool, Query(description="Archived ones; false when left out.")] = False,  # noqa: FBT002
) -> Any:
    """The catalogue: what can be asked for, with the fields that each asks the caller for; all at once, by name."""
    return await queries.list_forms(reads, is_staff=principal.is_staff, is_archived=is_archived)


@router.post(
    "",
    operation_id="createForm",
    summary="Create a form",
    status_code=201,
    response_model=FormRead,
    dependencies=_WRITE,
    responses=documents(errors.FormNameTaken, errors.InvalidFormField),
)
async def create_form(body: FormCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A category that names it as its `default_form_id` opens its tickets with it."""
    form = await actions.create_form(session, principal, body)
    response.headers["Location"] = f"/v1/forms/frm_{form.id.hex}"
    return await _shown(session, form, response)


@router.get(
    "/{form_id}",
    operation_id="getForm",
    summary="Read a form",
    response_model=FormRead,
    dependencies=_READ,
    responses=documents(errors.FormNotFound),
)
async def get_form(form_id: FormId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """With the fields in force."""
    found, version = await queries.get_form(reads, form_id, None, is_staff=principal.is_staff)
    set_etag(response, etag_of(version, audience="v" if principal.is_staff else "p"))
    return found


@router.patch(
    "/{form_id}",
    operation_id="updateForm",
    summary="Change a form",
    response_model=FormRead,
    dependencies=_WRITE,
    responses=documents(errors.FormNotFound, errors.FormArchived, errors.FormNameTaken, errors.InvalidFormField),
)
async def update_form(
    form_id: FormId,
    body: FormUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Open tickets keep the version that they were opened with."""
    form = await queries.lock_form(session, form_id)
    if_match.check(etag_of(form.version))
    await actions.update_form(session, principal, form, body)
    return await _shown(session, form, response)


@router.post(
    "/{form_id}/archive",
    operation_id="archiveForm",
    summary="Archive a form",
    response_model=FormRead,
    dependencies=_WRITE,
    responses=documents(errors.FormNotFound, PreconditionFailed),
)
async def archive_form(
    form_id: FormId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep, response: Response
) -> Any:
    """It opens no new ticket; a category that begins with it asks for nothing more."""
    form = await queries.lock_form(session, form_id)
    if_match.check(etag_of(form.version))
    await actions.archive_form(session, principal, form)
    return await _shown(session, form, response)


@router.get(
    "/{form_id}/versions/{number}",
    operation_id="getFormVersion",
    summary="Read a form as it was",
    response_model=FormRead,
    dependencies=_READ,
    responses=documents(errors.FormNotFound, errors.FormVersionNotFound),
)
async def get_version(form_id: FormId, number: Number, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """What a ticket's `form_id` and `form_number` point at."""
    found, _ = await queries.get_form(reads, form_id, number, is_staff=principal.is_staff)
    return found


@router.get(
    "/{form_id}/schema",
    operation_id="getFormSchema",
    summary="Read a form's JSON Schema",
    response_model=FormSchema,
    dependencies=_READ,
    responses=documents(errors.FormNotFound, errors.FormVersionNotFound),
    openapi_extra={"x-etag": True},
)
async def get_schema(
    form_id: FormId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    number: Annotated[
        int | None, Query(ge=1, le=2_147_483_647, description="The version in force when left out.")
    ] = None,
) -> Any:
    """JSON Schema 2020-12, conditions included: what the caller may send as `custom_fields`, and what the server
    checks, word for word."""
    found, _ = await queries.get_form(reads, form_id, number, is_staff=principal.is_staff)
    return schema_of(found["name"], found["fields"], is_staff=principal.is_staff)
