"""The worker process: the relay, the job runner and the schedule, over the same database as the API."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog

from helpdesk_api import wiring
from helpdesk_api.config import Settings, get_settings
from helpdesk_api.database.listener import Listener
from helpdesk_api.database.session import Database
from helpdesk_api.domains.embeddings.engine import close_embedder
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.sla import escalations
from helpdesk_api.domains.sla.timers import Timers, fire_due
from helpdesk_api.domains.webhooks.delivery import Deliverer
from helpdesk_api.installation import install_wiring, open_database
from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.integrations.http.client import GuardedCaller
from helpdesk_api.integrations.mail.eml import EmlFolder
from helpdesk_api.integrations.mail.protocol import MailTransport
from helpdesk_api.integrations.mail.smtp import SmtpTransport
from helpdesk_api.jobs import schedule
from helpdesk_api.jobs.runner import Handler, JobRunner, run_due
from helpdesk_api.outbox.pending import EVENTS_CHANNEL, send_wakeups_through
from helpdesk_api.outbox.relay import REACT_JOB, Relay, react

logger = structlog.get_logger(__name__)
TICK_SECONDS = 1.0


def handlers() -> dict[str, Handler]:
    return {**wiring.JOBS, REACT_JOB: react(wiring.REACTIONS)}


def mail_transport(settings: Settings) -> MailTransport:
    """A mail server if one is set, else a folder of files beside the data."""
    if settings.smtp_url is not None:
        return SmtpTransport(settings.smtp_url.get_secret_value())
    return EmlFolder(settings.data_dir / "mail")


async def drain(database: Database) -> int:
    """Relay and run everything that is due, here and now, until nothing is left. Returns how many jobs ran."""
    relay = Relay(database, wiring.REACTIONS, followers=wiring.FOLLOWERS)
    total = 0
    while True:
        fired = await fire_due(database)
        moved = await relay.relay_batch()
        ran = await run_due(database, handlers())
        total += ran
        if not fired and not moved and not ran:
            return total


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Work until `stop` is set (or SIGTERM or SIGINT arrives); running jobs finish first."""
    stop = stop or asyncio.Event()
    install_wiring(settings)
    database = open_database(settings)
    listener = Listener(settings.database_url_required)
    transport = mail_transport(settings)
    delivery.use_transport(transport)
    caller = GuardedCaller(
        Reachable(settings.outbound_networks), timeout_seconds=float(settings.webhook_timeout_seconds)
    )
    escalations.use_caller(caller)
    deliverer = Deliverer(
        database,
        caller,
        attempt_timeout=timedelta(seconds=settings.webhook_timeout_seconds),
        margin=timedelta(seconds=settings.job_visibility_seconds),
    )
    relay = Relay(database, wiring.REACTIONS, followers=wiring.FOLLOWERS, tell=deliverer.wake)
    listener.on_wake(EVENTS_CHANNEL, relay.wake)
    with _signals(stop):
        try:
            await listener.start()
            send_wakeups_through(listener.wake)
            visibility = timedelta(seconds=settings.job_visibility_seconds)
            async with asyncio.TaskGroup() as group:
                group.create_task(relay.run(stop))
                group.create_task(JobRunner(database, handlers(), visibility=visibility).run(stop))
                group.create_task(Timers(database).run(stop))
                group.create_task(deliverer.run(stop))
                group.create_task(_tick(database, stop))
        finally:
            send_wakeups_through(None)
            await listener.stop()
            await transport.close()
            await caller.close()
            await close_embedder()
            await database.dispose()


async def _tick(database: Database, stop: asyncio.Event) -> None:
    registered = False
    while not stop.is_set():
        try:
            async with database.session() as session:
                if not registered:
                    await schedule.register(session, wiring.SCHEDULE)
                await schedule.tick(session, wiring.SCHEDULE)
            registered = True
        except Exception:
            logger.exception("schedule_failed")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_SECONDS)


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        yield
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


def main() -> None:
    with asyncio.Runner(loop_factory=_event_loop()) as runner:
        runner.run(run(get_settings()))


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster one where there is one, as uvicorn has it for the API; None is Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - not for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
