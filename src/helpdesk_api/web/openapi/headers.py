"""The headers and shared parameters of the contract, each described once and referred to everywhere."""

from helpdesk_api.web.openapi.nodes import Json
from helpdesk_api.web.preconditions import ETAGS_LENGTH, ETAGS_PATTERN

EXAMPLE_REQUEST_ID = "0190a6f3e1d87c3aa1b2c3d4e5f60718"
_EVERYWHERE = ("X-Request-Id", "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin")


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


SHARED_HEADERS: Json = {
    "X-Request-Id": _header(
        "Names this request in our logs; taken from the request when it sent one.",
        pattern=r"^[A-Za-z0-9._-]{8,64}$",
        length=64,
        example=EXAMPLE_REQUEST_ID,
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
        "Of this answer, for `If-Match` and `If-None-Match`: the record's version, and what was answered of it. "
        "Writes look at the version alone, and take it without the rest too.",
        pattern=r'^"[\x21\x23-\x7e]*"$',
        length=200,
        example='"v3-9f86d081884c7d65"',
        required=True,
    ),
    "Location": _header(
        "Where the new record is.",
        pattern=r"^/[\x21-\x7e]*$",
        length=2_048,
        example="/v1/records/id",
        required=True,
    ),
    "RedirectLocation": _header(
        "Where it is had: here, or in the bucket where the files lie.",
        pattern=r"^(/|https?://)[\x21-\x7e]*$",
        length=4_096,
        example="/v1/files/q83vEjRW",
        required=True,
    ),
    "Content-Location": _header(
        "The record that this is the representation of, when it is not the one that was asked for.",
        pattern=r"^/[\x21-\x7e]*$",
        length=2_048,
        example="/v1/records/id",
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
    """References to the headers of every answer and the named ones."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_EVERYWHERE, *names)}


SHARED_PARAMETERS: Json = {
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
        },
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag that you hold; the answer is 304 while it is still current.",
        "schema": {
            "type": "string",
            "maxLength": ETAGS_LENGTH,
            "pattern": ETAGS_PATTERN,
            "examples": ['"v3-9f86d081884c7d65"'],
        },
    },
}


def _webhook_parameter(name: str, description: str, *, pattern: str, length: int, example: str) -> Json:
    header = _header(description, pattern=pattern, length=length, example=example)
    return {"name": name, "in": "header", "required": True, **header}


WEBHOOK_PARAMETERS: Json = {
    "WebhookId": _webhook_parameter(
        "webhook-id",
        "The same for every attempt: who has seen it has taken this event.",
        pattern=r"^[\x21-\x7e]+$",
        length=100,
        example="evt_0190a6f3e1d87c3aa1b2c3d4e5f60718",
    ),
    "WebhookTimestamp": _webhook_parameter(
        "webhook-timestamp",
        "Unix seconds of this attempt; refuse what is older than five minutes.",
        pattern=r"^[0-9]{1,12}$",
        length=12,
        example="1772439300",
    ),
    "WebhookSignature": _webhook_parameter(
        "webhook-signature",
        "HMAC-SHA256 of `id.timestamp.body`; two, separated by a space, while the secret changes.",
        pattern=r"^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
        length=500,
        example="v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}
