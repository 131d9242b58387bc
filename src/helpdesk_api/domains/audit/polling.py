"""Long polls: an answer that waits until there is something to tell, holding no connection to the database."""

import asyncio
from contextlib import suppress
from typing import Any

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit.following import Authenticator, Ending, Follower, LogFollowing
from helpdesk_api.domains.audit.queries import Question, Stretch, read_log


class LongPoll:
    """One caller's question, from one place in the log on."""

    def __init__(
        self, database: Database, following: LogFollowing, authenticator: Authenticator, *, token: str, limit: int
    ) -> None:
        self._database = database
        self._following = following
        self._authenticator = authenticator
        self._token = token
        self._limit = limit

    async def answer(self, principal: Principal, asked: Question, start: int, seconds: float) -> dict[str, Any]:
        """At once when there is something; else when there is, or after so many seconds, empty.

        Raises what the credential answers now (401), and `missing_scope`, when it ended meanwhile.
        """
        found = await self._read(principal, asked, start)
        if found.rows or not seconds:
            return found.page(principal, asked)
        follower = Follower(self._token, principal, asked)
        with self._following.admitted(principal), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not found.rows and follower.ending is not Ending.SHUTDOWN:
                    await self._wait(follower, found.reached)
                    if follower.ending in {Ending.EXPIRED, Ending.RIGHTS_LOST}:
                        await self._refuse()
                    found = await self._read(follower.principal, asked, start)
        return found.page(follower.principal, asked)

    async def _read(self, principal: Principal, asked: Question, start: int) -> Stretch:
        async with self._database.reads() as reads:
            return await read_log(reads, principal, asked, start, self._limit)

    async def _wait(self, follower: Follower, position: int) -> None:
        """Until something may be there; at once when the log has gone on since it was read."""
        follower.position = position
        follower.woken.clear()
        follower.waiting.clear()
        if not self._following.attach(follower):
            return
        try:
            await follower.woken.wait()
        finally:
            self._following.detach(follower)

    async def _refuse(self) -> None:
        await self._authenticator(self._token, self._database)
        raise MissingScope(Permission.EVENTS_READ)
