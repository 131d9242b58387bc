"""What the document says once and refers to everywhere: headers, problems, security, the words at the top."""

from http import HTTPStatus
from typing import Any

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.web.errors import ProblemError, every_code
from helpdesk_api.web.openapi.nodes import Json
from helpdesk_api.web.openapi.schemas import ANY_TEXT

PACKAGE = __name__.partition(".")[0]
PROBLEM_MEDIA = "application/problem+json"
MERGE_PATCH_MEDIA = "application/merge-patch+json"
_REQUEST_ID = "0190a6f3e1d87c3aa1b2c3d4e5f60718"

INFO = {
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
    422: "validation_failed",
    428: "precondition_required",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


def problem_classes() -> dict[str, type[ProblemError]]:
    """The product's codes; what a test declares is not part of the contract."""
    return {code: kind for code, kind in every_code().items() if kind.__module__.startswith(f"{PACKAGE}.")}


def response_name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split())


def _header(description: str, *, pattern: str, length: int, example: str, required: bool = False) -> Json:
    schema = {
        "type": "string",
        "pattern": pattern,
        "maxLength": length,
        "examples": [example],
    }
    return {
        "description": description,
        **({"required": True} if required else {}),
        "schema": schema,
    }


def shared_headers() -> Json:
    return {
        "X-Request-Id": _header(
            "Names this request in our logs; taken from the request when it sent one.",
            pattern=r"^[A-Za-z0-9._-]{8,64}$",
            length=64,
            example=_REQUEST_ID,
            required=True,
        ),
        "RateLimit": _header(
            "What is left of the caller's budget, and the seconds until it is whole again (IETF draft).",
            pattern=r'^"[a-z]+";r=\d+;t=\d+$',
            length=100,
            example='"default";r=599;t=60',
            required=True,
        ),
        "RateLimit-Policy": _header(
            "The budget and its window in seconds (IETF draft).",
            pattern=r'^"[a-z]+";q=\d+;w=\d+$',
            length=100,
            example='"default";q=600;w=60',
            required=True,
        ),
        "Access-Control-Allow-Origin": _header(
            "Sent to browsers of the origins on the allow-list.",
            pattern=r"^[\x21-\x7e]+$",
            length=2_048,
            example="https://portal.example.com",
        ),
        "ETag": _header(
            "The version of this representation, for `If-Match` and `If-None-Match`.",
            pattern=r'^"[\x21\x23-\x7e]*"$',
            length=200,
            example='"v3"',
            required=True,
        ),
        "Location": _header(
            "Where the new record is.",
            pattern=r"^/[\x21-\x7e]*$",
            length=2_048,
            example="/v1/records/id",
            required=True,
        ),
        "Link": _header(
            "The neighbouring pages (RFC 8288); absent when there are none.",
            pattern=r"^<[\x21-\x7e ]*$",
            length=20_000,
            example='</v1/records?cursor=abc>; rel="next"',
        ),
        "Retry-After": {
            "description": "Seconds to wait before trying again.",
            "schema": {
                "type": "integer",
                "format": "int32",
                "minimum": 0,
                "maximum": 86_400,
                "examples": [12],
            },
        },
        "WWW-Authenticate": _header(
            "How to identify oneself (RFC 6750).",
            pattern=r"^[\x20-\x7e]+$",
            length=500,
            example="Bearer",
            required=True,
        ),
        "Idempotency-Replayed": {
            "description": "Present on the stored answer of an earlier request with the same `Idempotency-Key`.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    }


def header_references(*names: str) -> Json:
    everywhere = (
        "X-Request-Id",
        "RateLimit",
        "RateLimit-Policy",
        "Access-Control-Allow-Origin",
    )
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*everywhere, *names)}


def shared_parameters() -> Json:
    return {
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": (
                "Makes a repetition safe: for 24 hours the same key with the same request gives the stored answer."
            ),
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
                "examples": ["5f2b1c9e-laptop-request"],
            },
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "The ETag that you hold; the answer is 304 while it is still current.",
            "schema": {
                "type": "string",
                "maxLength": 200,
                "pattern": r"^[\x20-\x7e]*$",
                "examples": ['"v3"'],
            },
        },
    }


def problem_schemas() -> Json:
    code = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 100}
    text = {"type": "string", "pattern": ANY_TEXT, "maxLength": 10_000}
    params = {
        "type": "object",
        "description": "Values that the text is made of, by name.",
        "additionalProperties": True,
        "maxProperties": 50,
        "examples": [{}],
    }
    field = {
        "pointer": {
            "type": ["string", "null"],
            "pattern": "^#(/|$)",
            "maxLength": 10_000,
            "description": "JSON pointer into the body (RFC 6901), null when the place is a parameter.",
            "examples": ["#/subject"],
        },
        "parameter": {
            "type": ["string", "null"],
            "pattern": ANY_TEXT,
            "maxLength": 1_000,
            "description": "Name of a query, path or header parameter.",
            "examples": [None],
        },
        "code": {
            **code,
            "examples": ["missing"],
            "description": "What is wrong with the value, for programs.",
        },
        "detail": {**text, "examples": ["Field required"]},
        "params": params,
    }
    problem = {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "maxLength": 200,
            "pattern": "^/problems/[a-z0-9_]+$",
        },
        "title": {**text, "description": "The same for every problem of this code."},
        "status": {
            "type": "integer",
            "format": "int32",
            "minimum": 400,
            "maximum": 599,
        },
        "detail": {**text, "description": "What happened this time, for people."},
        "instance": {
            "type": "string",
            "format": "uri-reference",
            "maxLength": 10_000,
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
        "params": params,
        "errors": {
            "type": "array",
            "maxItems": 50,
            "items": {"$ref": "#/components/schemas/ProblemField"},
        },
    }
    return {
        "ProblemCode": {
            "type": "string",
            "enum": list(problem_classes()),
            "description": "Stable and closed; `GET /v1/problems` gives cause and remedy of each. New ones may come.",
        },
        "ProblemField": {
            "type": "object",
            "description": "One place of the request that was wrong.",
            "properties": field,
            "required": list(field),
        },
        "Problem": {
            "type": "object",
            "description": "Every error answer (RFC 9457).",
            "properties": problem,
            "required": list(problem),
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
        "request_id": _REQUEST_ID,
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
