"""Server-sent events (the WHATWG's text/event-stream): one connection from its first byte to its last."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit.following import Ending, Follower, LogFollowing
from helpdesk_api.domains.audit.log_events import LogEvent, add_records, last_position, readable_between
from helpdesk_api.domains.audit.queries import cursor_at
from helpdesk_api.domains.stream.schemas import StreamEnd, ViewMembership

MEDIA_TYPE = "text/event-stream"
# A browser's EventSource waits so long before it connects again.
RETRY_MILLISECONDS = 2_000
_PAGE = 200
# Of one write; what a connection takes no more lies with us, so it is little.
_CHUNK_BYTES = 64 * 1024
_AFTER_SIGN_IN = frozenset({Ending.EXPIRED, Ending.RIGHTS_LOST})
_HEADERS: Mapping[str, str] = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would collect events until its buffer is full.
    "X-Accel-Buffering": "no",
}


class EventStream(Response):
    """What was missed since the follower's position, then everything as it comes, until somebody ends it."""

    media_type = MEDIA_TYPE

    def __init__(self, database: Database, following: LogFollowing, follower: Follower) -> None:
        super().__init__(headers=dict(_HEADERS))
        del self.headers["content-length"]
        self._database, self._following, self._follower = database, following, follower
        self._is_gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        task = asyncio.current_task()
        self._follower.abandon = task.cancel if task is not None else None
        with self._following.admitted(self._follower.principal):
            await self._hold(task, receive, send)

    async def _hold(self, task: "asyncio.Task[object] | None", receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(self._until_gone(receive))
        try:
            await self._serve(send)
        except asyncio.CancelledError:
            if self._follower.blocked_since is None or self._follower.ending is None or task is None:
                raise
            # Ours: the connection took nothing for too long, so there is nobody to say anything to.
            task.uncancel()
        finally:
            self._following.detach(self._follower)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._follower.woken.set()

    async def _serve(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        # With its place: who loses the connection before the first event has something to go on from.
        await self._send(send, b"retry: %d\n: connected\nid: %s\n\n" % (RETRY_MILLISECONDS, self._cursor()))
        follower = self._follower
        while not self._is_gone and follower.ending is None and not self._following.attach(follower):
            await self._catch_up(send)
        while not self._is_gone:
            while chunk := self._next_chunk():
                await self._send(send, chunk)
            if follower.ending is not None:
                await self._send(send, self._end())
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await follower.woken.wait()
            follower.woken.clear()

    async def _send(self, send: Send, chunk: bytes) -> None:
        follower = self._follower
        follower.blocked_since = time.monotonic()
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        follower.blocked_since = None
        follower.quiet_since = time.monotonic()

    async def _catch_up(self, send: Send) -> None:
        """Up to where the log is now; one page at a time, so that a slow caller holds no more than that."""
        follower = self._follower
        # There may be much to read, and rights may go meanwhile.
        await self._following.check(follower)
        if follower.ending is not None:
            return
        async with self._following.catching_up, self._database.reads() as reads:
            end = await last_position(reads)
            events = await readable_between(
                reads, follower.principal, follower.asked, follower.position, end, most=_PAGE
            )
            if follower.condition is not None:
                await add_records(reads, events)
        for event in events:
            follower.offer(event)
        while chunk := self._next_chunk():
            await self._send(send, chunk)
        # Also past what was read and not asked for.
        reached = end if len(events) < _PAGE else events[-1].sequence
        follower.position = max(follower.position, reached)

    def _next_chunk(self) -> bytes:
        """Frames of waiting events, or a heartbeat when one is due and nothing waits."""
        follower, frames, size = self._follower, [], 0
        while follower.waiting and size < _CHUNK_BYTES:
            event, in_view = follower.waiting.popleft()
            follower.position = event.sequence
            frame = self._frame(event, in_view=in_view)
            frames.append(frame)
            size += len(frame)
        if not frames and follower.is_beat_due:
            # With nothing waiting it has everything up to the head: who comes back after a quiet time starts there.
            follower.position = max(follower.position, self._following.head)
            frames.append(b": heartbeat\nid: %s\n\n" % self._cursor())
        if frames:
            follower.is_beat_due = False
        return b"".join(frames)

    def _cursor(self) -> bytes:
        follower = self._follower
        return cursor_at(follower.principal, follower.asked, follower.position).encode()

    def _frame(self, event: LogEvent, *, in_view: bool | None) -> bytes:
        frame = b"id: %s\ndata: %s\n\n" % (self._cursor(), event.text_for(self._follower.principal))
        if in_view is None:
            return frame
        membership = ViewMembership(event_id=event.id, ticket_id=event.ticket_id, in_view=in_view)
        return b"event: view\ndata: %s\n\n%s" % (membership.model_dump_json().encode(), frame)

    def _end(self) -> bytes:
        why = self._follower.ending or Ending.SHUTDOWN
        end = StreamEnd(
            reason=why, after=self._cursor().decode(), resume="after_sign_in" if why in _AFTER_SIGN_IN else "now"
        )
        return b"event: end\ndata: %s\n\n" % end.model_dump_json().encode()
