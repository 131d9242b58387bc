"""General request limits: a sliding budget per caller, counted in this process (RateLimit headers, IETF draft)."""

import time
from dataclasses import dataclass

from helpdesk_api.web.errors import TooManyRequests

WINDOW_SECONDS = 60
_MAX_CALLERS = 50_000


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = "Too many requests"


@dataclass(frozen=True, slots=True)
class RateState:
    """What is left of a caller's budget, and in how many seconds it is whole again."""

    limit: int
    remaining: int
    reset_seconds: int


class RateLimiter:
    """Generic cell rate algorithm: one number a caller, no statement, no timer."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._interval = WINDOW_SECONDS / per_minute
        self._arrivals: dict[str, float] = {}

    def take(self, caller: str) -> RateState:
        """Raises `rate_limited` (429, Retry-After) when the caller's budget of the last minute is used up."""
        moment = time.monotonic()
        arrival = max(self._arrivals.get(caller, 0.0), moment)
        ahead = arrival + self._interval - moment
        if ahead > WINDOW_SECONDS:
            raise RateLimited(max(1, round(ahead - WINDOW_SECONDS + 0.5)))
        if len(self._arrivals) >= _MAX_CALLERS:
            self._arrivals = {key: value for key, value in self._arrivals.items() if value > moment}
        self._arrivals[caller] = arrival + self._interval
        return RateState(
            self._limit,
            int((WINDOW_SECONDS - ahead) / self._interval),
            max(1, round(ahead)),
        )
