"""Errors as the contract knows them (RFC 9457): one class per stable code, declared on each route that raises it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

# How long a problem's texts and names of parameters are at most, in the document and in what is sent.
MAX_TEXT: Final = 10_000
MAX_PARAMETER: Final = 1_000
# Of a text that the caller sent: they have the rest.
MAX_ECHO: Final = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place: a JSON pointer into the body (`#/subject`) or the name of a parameter."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    params: dict[str, Any] = field(default_factory=dict)


class ProblemError(Exception):
    """Answered as `application/problem+json`. Class names may change, codes may not."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    default_detail: ClassVar[str] = ""
    # For `GET /v1/problems`: why it happens when the detail does not say, and what the caller can do.
    cause: ClassVar[str] = ""
    remedy: ClassVar[str] = "Try again later; if it stays, tell the operator the `request_id`."

    def __init__(
        self,
        detail: str | None = None,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        self.detail = detail or self.default_detail or self.title
        super().__init__(self.detail)
        self.params = dict(params or {})
        self.headers = dict(headers or {})
        self.errors = list(errors or [])
        if pointer is not None or parameter is not None:
            self.errors.append(
                FieldError(
                    self.code,
                    self.detail,
                    pointer=pointer,
                    parameter=parameter,
                    params=self.params,
                )
            )


class BadRequest(ProblemError):
    status = 400
    code = "bad_request"
    title = "The request cannot be read"
    remedy = "Correct the request as `detail` and `errors` say; repeating it as it is cannot succeed."


class Unauthenticated(ProblemError):
    status = 401
    code = "unauthenticated"
    title = "Who is calling is not known"
    remedy = "Sign in again, or send a valid access token or API key."

    def __init__(self, detail: str | None = None, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.headers.setdefault("WWW-Authenticate", "Bearer")


class Forbidden(ProblemError):
    """Visible but not allowed; what is invisible is a 404."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
    remedy = "Ask someone who holds the right; `required_scope` names it when one is missing."


class NotFound(ProblemError):
    """Absent, or not for the caller's eyes: the answer is the same."""

    status = 404
    code = "not_found"
    title = "There is no such thing here"
    remedy = "Check the id or reference, and whether the caller may see the record."


class Conflict(ProblemError):
    status = 409
    code = "conflict"
    title = "The present state does not allow this"
    remedy = "Read the record again and decide on what it is now."


class LockTimeout(Conflict):
    code = "busy"
    title = "Somebody else is changing this right now"
    default_detail = "Another request holds this record. Nothing was changed; try again."


class PreconditionFailed(ProblemError):
    status = 412
    code = "precondition_failed"
    title = "It has changed since you read it"
    remedy = "Read it again, and send the new ETag in `If-Match`."


class PreconditionRequired(ProblemError):
    status = 428
    code = "precondition_required"
    title = "Say which version you are changing"
    remedy = "Read the record, and send its ETag in `If-Match`."
    default_detail = "Send `If-Match` with the ETag that you read."


class PayloadTooLarge(ProblemError):
    status = 413
    code = "payload_too_large"
    title = "The body is too large"
    remedy = "Send less in one request."


class UnsupportedMediaType(ProblemError):
    status = 415
    code = "unsupported_media_type"
    title = "This content type is not taken here"
    remedy = "Send `application/json`, or `application/merge-patch+json` with PATCH."


class RangeNotSatisfiable(ProblemError):
    status = 416
    code = "range_not_satisfiable"
    title = "The file has no such part"
    remedy = "Ask for a range inside the file, or for all of it."


class RequestHeadTooLarge(ProblemError):
    """Answered by the server before there is a request, and so named by no route."""

    status = 431
    code = "request_head_too_large"
    title = "The address and the headers are too large"
    remedy = "Send a shorter address, and fewer or shorter headers."


class Unprocessable(ProblemError):
    status = 422
    code = "unprocessable"
    title = "A rule about the data is not met"
    remedy = "Correct the values that `errors` points at."


class ValidationFailed(ProblemError):
    """The request does not fit its schema; `errors` says where."""

    status = 422
    code = "validation_failed"
    title = "The request does not fit its schema"
    remedy = "Correct the places that `errors` points at; the schema is in `/openapi.json`."


class UnknownReference(Unprocessable):
    """A body names something that does not exist, or that the caller cannot see."""

    code = "unknown_reference"
    title = "A reference leads nowhere"
    default_detail = "There is no such thing, or you cannot see it."


class WebhookUrlRefused(Unprocessable):
    """Only HTTPS to public addresses is called; the operator may name further networks."""

    code = "webhook_url_refused"
    title = "This address is not called"
    remedy = "Use an HTTPS URL without user, password or fragment, whose host is public."


class ExternalPairIncomplete(Unprocessable):
    """An id of another system means nothing without that system's name."""

    code = "external_pair_incomplete"
    title = "external_id and external_source go together"


class TooManyRequests(ProblemError):
    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    remedy = "Wait for the seconds in `Retry-After`."

    def __init__(self, retry_after_seconds: int, detail: str | None = None) -> None:
        super().__init__(
            detail or f"Try again in {retry_after_seconds} seconds.",
            params={"retry_after_seconds": retry_after_seconds},
            headers={"Retry-After": str(retry_after_seconds)},
        )


class MalformedJson(BadRequest):
    code = "malformed_json"
    title = "The body is not JSON"


class NotAcceptableMethod(ProblemError):
    status = 405
    code = "method_not_allowed"
    title = "This method is not offered here"
    remedy = "Use one of the methods in `Allow`."


class ServiceUnavailable(ProblemError):
    status = 503
    code = "unavailable"
    title = "Not available right now"
    remedy = "Try again after the seconds in `Retry-After`, or later."


def documents(*errors: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: which codes it answers, by status; the document's pass writes the rest."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = found.setdefault(error.status, {"description": "", "x-codes": []})
        entry["x-codes"].append(error.code)
        entry["description"] = "; ".join(f"`{code}`" for code in entry["x-codes"])
    return found


def every_code() -> dict[str, type[ProblemError]]:
    """All declared codes with their class, by walking the subclasses that are imported."""
    found: dict[str, type[ProblemError]] = {}
    stack: list[type[ProblemError]] = [ProblemError]
    while stack:
        current = stack.pop()
        found.setdefault(current.code, current)
        stack.extend(current.__subclasses__())
    return dict(sorted(found.items()))
