"""Outcomes that end together are written together: while one transaction runs, the next one's wait and go as one."""

import asyncio
from collections.abc import Sequence

import structlog

from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks.claiming import Claimed
from helpdesk_api.domains.webhooks.outcomes import Ended, Outcome, write_down

logger = structlog.get_logger(__name__)
# Of one transaction.
MOST = 200


class GroupCommit:
    """Of one worker. Nobody waits for company: the first goes at once, and alone when it is alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Ended, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, one: Claimed, outcome: Outcome) -> None:
        """Returns when it is committed. Raises what kept it from being."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(((one, outcome), done))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write(batch)
        finally:
            self._task = None

    async def _write(self, batch: Sequence[tuple[Ended, asyncio.Future[None]]]) -> None:
        try:
            await write_down(self._database, [ended for ended, _ in batch])
        except Exception as error:  # noqa: BLE001 - given to whoever waits
            if len(batch) == 1:
                _answer(batch[0][1], error)
                return
            # Whatever it was of one of them must not cost the others.
            logger.warning("webhook_outcomes_apart", error=str(error))
            for one in batch:
                await self._write([one])
            return
        for _, done in batch:
            _answer(done, None)


def _answer(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
