"""Which origins' pages may call, and what of the contract they may send and read."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from helpdesk_api.web.errors import BadRequest
from helpdesk_api.web.problems import MEDIA_TYPE, problem_bytes

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Occurred-At",
    "Range",
    "X-Request-Id",
    "traceparent",
)
EXPOSED_HEADERS = (
    "Allow",
    "Content-Disposition",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
)


class ProblemCors(CORSMiddleware):
    """Starlette's, which refuses a preflight in plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < BadRequest.status:
            return answer
        refusal = BadRequest(f"{bytes(answer.body).decode()}.")
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return Response(problem_bytes(refusal, "/"), refusal.status, kept, MEDIA_TYPE)
