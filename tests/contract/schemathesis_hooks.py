"""Schemathesis hooks: a request that fits its schema may still meet a rule about data, and only that.

An unknown assignee, a cursor of another list or a closed ticket cannot be said in a schema. Such a refusal is accepted
when its problem carries a code of its own; a refusal of the shape of a request that fits the document is a failure.
"""

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import RejectedPositiveData  # type: ignore[attr-defined]

RULE_STATUSES = frozenset({400, 404, 409, 412, 422, 428})
MULTIPART = "multipart/form-data"
OTHER_TYPE = "violates `type`"
SHAPE_CODES = frozenset(
    {
        "bad_request",
        "address_not_utf8",
        "malformed_json",
        "number_too_large",
        "unknown_parameter",
        "repeated_parameter",
        "repeated_name",
        "invalid_idempotency_key",
        "unsupported_media_type",
        "validation_failed",
    }
)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, object]) -> None:
    """A poll of the log may wait for half a minute, which is most of the run."""
    del context, kwargs
    query = case.query or {}
    if str(query.get("wait", "")).isdecimal():
        query["wait"] = 0


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: Response
) -> bool:
    """False drops the failure."""
    del context
    if isinstance(failure, AcceptedNegativeData) and case.media_type == MULTIPART:
        # Written into a form, `true` is the text of a file as good as any.
        return OTHER_TYPE not in failure.message
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in RULE_STATUSES:
        return True
    # The tester's own guesses at links write a null reference of an answer into a path as text.
    if "None" in (case.path_parameters or {}).values():
        return False
    return response.json().get("code") in SHAPE_CODES
