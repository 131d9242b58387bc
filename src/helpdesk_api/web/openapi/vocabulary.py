"""What the document says once and refers to everywhere: headers, problems, security, the words at the top."""

from copy import deepcopy
from http import HTTPStatus
from typing import Any

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.web.errors import MAX_PARAMETER, MAX_TEXT, ProblemError, every_code
from helpdesk_api.web.openapi.headers import EXAMPLE_REQUEST_ID, header_references
from helpdesk_api.web.openapi.nodes import Json
from helpdesk_api.web.openapi.schemas import ANY_TEXT

PACKAGE = __name__.partition(".")[0]
PROBLEM_MEDIA = "application/problem+json"
FILE_UPLOAD: Json = {
    "type": "object",
    "description": "One part with a file name.",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "The bytes of the file; see `GET /v1/meta` for how many at most.",
            "maxLength": 2**53 - 1,
            "pattern": r"^[\s\S]*$",
        }
    },
}

MERGE_PATCH_MEDIA = "application/merge-patch+json"

INFO: Json = {
    "title": "Helpdesk API",
    "version": "1.0.0",
    "summary": "Requests, from the first report to the confirmed solution.",
    "description": (
        "Every error is `application/problem+json` (RFC 9457) with a stable `code`; `GET /v1/problems` explains each. "
        "Lists are cut by `limit` and `cursor`. Writes may carry an `Idempotency-Key`, changes an `If-Match`. "
        "In answers every property is present, and what is not known is `null`; in requests what is left out keeps "
        "its value or takes its default. Output enums may grow: treat an unknown value as `other`. "
        "Instants are RFC 3339 in UTC, durations are seconds."
    ),
    "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    "contact": {"name": "Helpdesk API maintainers", "email": "api@helpdesk.example"},
}
SERVERS = [{"url": "/", "description": "This deployment (production)", "x-internal": False}]

_STATUS_TEXTS = {
    400: "The request cannot be read, or a parameter is unknown or foreign to this list.",
    401: "No credentials, or none that are valid.",
    403: "The caller is known, and may not do this; `required_scope` names a missing right.",
    404: "There is no such thing, or the caller cannot see it.",
    406: "No offered representation is acceptable.",
    409: "The present state does not allow this, or somebody else is changing it.",
    412: "It has changed since the ETag in `If-Match` was read.",
    413: "The body is too large.",
    415: "The content type is not taken here.",
    416: "The file has no such part; `Content-Range` says how long it is.",
    422: "The request does not fit its schema or a rule about the data; `errors` says where.",
    428: "This change needs `If-Match`.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "A defect of ours, logged under the request id.",
    503: "Not available right now.",
}
_EXAMPLE_CODES = {
    400: "malformed_json",
    401: "missing_credentials",
    403: "missing_scope",
    404: "not_found",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "validation_failed",
    428: "precondition_required",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


_CODE: Json = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 100}
_TEXT: Json = {"type": "string", "pattern": ANY_TEXT, "maxLength": MAX_TEXT}
_PARAMS: Json = {
    "type": "object",
    "description": "Values that the text is made of, by name; of a text that was sent, its beginning.",
    "additionalProperties": True,
    "maxProperties": 50,
    "examples": [{}],
}
_FIELD: Json = {
    "pointer": {
        "type": ["string", "null"],
        "pattern": "^#(/|$)",
        "maxLength": MAX_TEXT,
        "description": "JSON pointer into the body (RFC 6901), null when the place is a parameter.",
        "examples": ["#/subject"],
    },
    "parameter": {
        "type": ["string", "null"],
        "pattern": ANY_TEXT,
        "maxLength": MAX_PARAMETER,
        "description": "Name of a query, path or header parameter.",
        "examples": [None],
    },
    "code": {
        **_CODE,
        "examples": ["missing"],
        "description": "What is wrong with the value, for programs.",
    },
    "detail": {**_TEXT, "examples": ["Field required"]},
    "params": _PARAMS,
}
_PROBLEM: Json = {
    "type": {
        "type": "string",
        "format": "uri-reference",
        "maxLength": 200,
        "pattern": "^/problems/[a-z0-9_]+$",
    },
    "title": {**_TEXT, "description": "The same for every problem of this code."},
    "status": {
        "type": "integer",
        "format": "int32",
        "minimum": 400,
        "maximum": 599,
    },
    "detail": {**_TEXT, "description": "What happened this time, for people."},
    "instance": {
        "type": "string",
        "format": "uri-reference",
        "maxLength": MAX_TEXT,
        "description": "The path.",
    },
    "code": {"$ref": "#/components/schemas/ProblemCode"},
    "request_id": {
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9._-]{8,64}$",
        "maxLength": 64,
        "description": "Say it when you ask about this problem.",
    },
    "required_scope": {
        "type": ["string", "null"],
        "pattern": "^[a-z_]+(:[a-z_]+)?$",
        "maxLength": 50,
        "description": "The right that was missing, on `missing_scope`.",
    },
    "params": _PARAMS,
    "errors": {
        "type": "array",
        "maxItems": 50,
        "items": {"$ref": "#/components/schemas/ProblemField"},
    },
}


def problem_classes() -> dict[str, type[ProblemError]]:
    """The product's codes; what a test declares is not part of the contract."""
    return {code: kind for code, kind in every_code().items() if kind.__module__.startswith(f"{PACKAGE}.")}


# Python 3.13 took the phrases of RFC 9110; names in the contract stay.
_NAMED_BEFORE = {
    413: "RequestEntityTooLarge",
    414: "RequestUriTooLong",
    416: "RequestedRangeNotSatisfiable",
    422: "UnprocessableEntity",
}


def response_name(status: int) -> str:
    named = "".join(word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split())
    return _NAMED_BEFORE.get(status, named)


def problem_schemas() -> Json:
    return {
        "ProblemCode": {
            "type": "string",
            "enum": list(problem_classes()),
            "description": "Stable and closed; `GET /v1/problems` gives cause and remedy of each. New ones may come.",
        },
        "ProblemField": {
            "type": "object",
            "description": "One place of the request that was wrong.",
            "properties": deepcopy(_FIELD),
            "required": list(_FIELD),
        },
        "Problem": {
            "type": "object",
            "description": "Every error answer (RFC 9457).",
            "properties": deepcopy(_PROBLEM),
            "required": list(_PROBLEM),
        },
    }


def example_problem(status: int) -> Json:
    code = _EXAMPLE_CODES.get(status, "bad_request")
    kind = problem_classes()[code]
    wrong: Json = {
        "pointer": "#/subject",
        "parameter": None,
        "code": "missing",
        "detail": "Field required",
        "params": {},
    }
    return {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": status,
        "detail": kind.default_detail or _STATUS_TEXTS[status],
        "instance": "/v1/records",
        "code": code,
        "request_id": EXAMPLE_REQUEST_ID,
        "required_scope": str(Permission.TICKETS_WRITE) if code == "missing_scope" else None,
        "params": {"retry_after_seconds": 12} if code == "rate_limited" else {},
        "errors": [wrong] if code == "validation_failed" else [],
    }


def shared_responses() -> Json:
    extra = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
    return {
        response_name(status): {
            "description": text,
            "headers": header_references(*extra.get(status, ())),
            "content": {
                PROBLEM_MEDIA: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": example_problem(status),
                }
            },
        }
        for status, text in _STATUS_TEXTS.items()
        if status in _EXAMPLE_CODES
    }


def security_schemes() -> Json:
    scopes = {str(permission): _scope_text(permission) for permission in Permission}
    flow: dict[str, Any] = {
        "tokenUrl": "/v1/oauth/token",
        "refreshUrl": "/v1/oauth/token",
        "scopes": scopes,
    }
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "For service accounts. The access tokens are JWT that follow RFC8725.",
            "flows": {"clientCredentials": flow},
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT or API key",
            "description": (
                "An access token from `POST /v1/sessions` (a JWT that follows RFC8725, 15 minutes), or an API key "
                "(`hk_live_…`)."
            ),
        },
    }


def _scope_text(permission: Permission) -> str:
    subject, _, act = str(permission).replace("_", " ").partition(":")
    verbs = {
        "read": f"See {subject}",
        "write": f"Create and change {subject}",
        "admin": f"Configure {subject}",
    }
    return verbs.get(act, f"Take part in {subject}") + " within the caller's sight."
