"""Every code that an error answer can carry, with its cause and its remedy."""

import html
from string import Template
from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.web.docs import OWN_ASSETS, page, read_asset
from helpdesk_api.web.errors import NotFound, ProblemError, documents
from helpdesk_api.web.openapi.vocabulary import problem_classes
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import ResponseModel


class ProblemTypeNotFound(NotFound):
    code = "problem_type_not_found"
    title = "There is no problem of this code"


class ProblemType(ResponseModel):
    """One code of the contract."""

    code: str = Field(max_length=100, pattern="^[a-z][a-z0-9_]*$", examples=["precondition_failed"])
    status: int = Field(ge=400, le=599, examples=[412])
    title: str = Field(max_length=200, examples=["It has changed since you read it"])
    cause: str = Field(
        max_length=2_000,
        examples=["`If-Match` names an older version than the current one."],
    )
    remedy: str = Field(max_length=2_000, examples=["Read it again and decide on what it is now."])
    url: str = Field(
        max_length=200,
        pattern="^/problems/[a-z0-9_]+$",
        examples=["/problems/precondition_failed"],
    )


class ProblemTypeList(ResponseModel):
    """All codes, in alphabetical order; the list is short enough to be one page."""

    data: list[ProblemType] = Field(max_length=1_000)


router = ApiRouter(tags=["problems"])


def describe(kind: type[ProblemError]) -> ProblemType:
    cause = kind.cause or kind.default_detail or kind.title
    return ProblemType(
        code=kind.code,
        status=kind.status,
        title=kind.title,
        cause=cause,
        remedy=kind.remedy,
        url=f"/problems/{kind.code}",
    )


@router.get(
    "/v1/problems",
    operation_id="listProblems",
    summary="List the codes of all errors",
    response_model=ProblemTypeList,
    dependencies=[public("explains errors, those of sign-in too")],
    openapi_extra={"x-etag": True},
)
async def list_problems() -> ProblemTypeList:
    """Each code with its cause and what to do about it."""
    return ProblemTypeList(data=[describe(kind) for kind in problem_classes().values()])


@router.get(
    "/problems/{code}",
    operation_id="getProblemPage",
    summary="Read about one code",
    dependencies=[public("explains errors, those of sign-in too")],
    include_in_schema=False,
    responses=documents(ProblemTypeNotFound),
)
async def get_problem_page(code: Annotated[str, Path(max_length=100)]) -> Response:
    kind = problem_classes().get(code)
    if kind is None:
        raise ProblemTypeNotFound
    words = {name: html.escape(str(value)) for name, value in describe(kind).model_dump().items()}
    return page(Template(read_asset(OWN_ASSETS, "problem.html").decode()).substitute(words).encode())
