"""General limits: counted here, leased from all."""

import asyncio

import pytest

from helpdesk_api.database.session import Database
from helpdesk_api.web.rate_limit import BLOCKS, RateLimited, RateLimiter, lease_from


async def settled(limiter: RateLimiter) -> None:
    """Let the leases that were started come back."""
    while tasks := [state.leasing for state in limiter._minutes.values() if state.leasing is not None]:
        await asyncio.gather(*tasks)


async def used_up(limiter: RateLimiter, caller: str, most: int) -> int:
    """How many requests pass before the first refusal."""
    for number in range(most):
        try:
            limiter.take(caller)
        except RateLimited:
            return number
        await settled(limiter)
    return most


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle of one minute: the limit is per minute, and a test must not straddle two."""
    monkeypatch.setattr("time.time", lambda: 1_800_000_030.0)


@pytest.mark.usefixtures("minute")
async def test_one_process_alone() -> None:
    limiter = RateLimiter(20)
    assert limiter.take("a").remaining == 19
    assert await used_up(limiter, "a", 100) == 19
    with pytest.raises(RateLimited) as refused:
        limiter.take("a")
    assert refused.value.headers["Retry-After"] == "30"
    assert limiter.take("b").remaining == 19


@pytest.mark.usefixtures("minute")
async def test_processes_share_a_minute_to_within_a_block_each(own_database: Database) -> None:
    limit, processes = 100, 3
    limiters = [RateLimiter(limit, lease_from(own_database)) for _ in range(processes)]
    passed = 0
    for limiter in limiters:
        passed += await used_up(limiter, "a", 1_000)
    assert limit <= passed <= limit + processes * (limit // BLOCKS)


async def test_a_new_minute_is_a_new_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(3)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    assert await used_up(limiter, "a", 10) == 3
    monkeypatch.setattr("time.time", lambda: 1_800_000_060.0)
    assert await used_up(limiter, "a", 10) == 3


async def test_without_the_database_nobody_is_refused_for_it() -> None:
    async def broken(*_: object) -> bool:
        message = "no database"
        raise OSError(message)

    limiter = RateLimiter(100, broken)
    limiter.take("a")
    await settled(limiter)
    assert limiter.take("a").remaining > 0
