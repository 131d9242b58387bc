"""Making vectors: never while somebody waits, in batches that commit, from where the last one ended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import (
    ARRAY,
    Double,
    LargeBinary,
    Text,
    Uuid,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import BIT, insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import AnySelect, UtcDateTime
from helpdesk_api.domains.embeddings.engine import current_embedder
from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.domains.embeddings.models import Embedding, EmbeddingTask
from helpdesk_api.domains.embeddings.rules import pack, sign_code
from helpdesk_api.domains.embeddings.vector_index import make_index
from helpdesk_api.integrations.embeddings.protocol import Embedder, EmbeddingsRefused, EmbeddingsUnavailable
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.outbox.models import EventRow

logger = structlog.get_logger(__name__)
RUN: Final = "embeddings.run"
CHECK: Final = "embeddings.check"
# Some seconds of a processor: few transactions, and little to do again after a kill.
BATCH: Final = 256
# Of a batch, what a model is given at once.
_GIVEN: Final = 64
# As many processors as one may have for this.
ROWS: Final = 2
_TELL_EVERY: Final = 4
_UPDATED: Final = "ticket.updated"
_OTHER_WORDS: Final = ("ticket.created", _UPDATED, "article.published", "article.archived")
# A text that was just written is often written again.
SETTLED: Final = timedelta(seconds=10)
# A text that is refused is offered again after these, and then set aside.
_OFFERED_AGAIN: Final = (timedelta(minutes=10), timedelta(hours=2))
# A text that no model has anything against: who refuses it refuses everything.
_HARMLESS: Final = "Printer"
Texts = Callable[[Collection[str] | None], AnySelect]
_Task = tuple[EmbeddedKind, UUID]
_sources: dict[EmbeddedKind, Texts] = {}


def register_embedded(sources: Mapping[EmbeddedKind, Texts]) -> None:
    """Called once by the process with `wiring.EMBEDDED`: of each kind a SELECT of `id` and `text`, of all that is to
    have a vector of a model that knows these languages, or any."""
    _sources.clear()
    _sources.update(sources)


def embedded_sources() -> Mapping[EmbeddedKind, Texts]:
    return dict(_sources)


async def follow(session: AsyncSession, events: Sequence[tuple[int, UUID, str]]) -> None:
    """The relay's follower: what is new or has other words now waits for its vector."""
    if current_embedder() is None or not any(event_type in _OTHER_WORDS for _, _, event_type in events):
        return
    changed = or_(EventRow.type != _UPDATED, EventRow.changes.has_any(literal(["subject", "description"], ARRAY(Text))))
    found = select(EventRow.subject_type, EventRow.subject_id, literal(clock.now(), UtcDateTime)).distinct()
    of_batch = EventRow.sequence.between(events[0][0], events[-1][0])
    asking = insert(EmbeddingTask).from_select(
        ["kind", "subject_id", "asked_at"], found.where(of_batch, EventRow.type.in_(_OTHER_WORDS), changed)
    )
    keys = [EmbeddingTask.kind, EmbeddingTask.subject_id]
    anew = {"asked_at": asking.excluded.asked_at, "refused_count": 0, "refused_by": None}
    await session.execute(asking.on_conflict_do_update(index_elements=keys, set_=anew))


async def check(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: whatever has no vector of this model yet, be it that the model is new, or that it was down."""
    del payload
    embedder = current_embedder()
    if embedder is None:
        return
    of_model = Embedding.model == embedder.name
    length = func.length(Embedding.code)
    # A service may come to answer with another length under the same name; with those of before nothing is compared.
    newest = await session.scalar(select(length).where(of_model).order_by(Embedding.embedded_at.desc()).limit(1))
    for kind, texts in _sources.items():
        all_of_it = texts(embedder.languages).subquery("texts")
        has = and_(Embedding.kind == kind, Embedding.subject_id == all_of_it.c.id, of_model, length == newest)
        missing = select(literal(kind.value), all_of_it.c.id, literal(clock.now(), UtcDateTime)).where(
            ~select(Embedding.subject_id).where(has).exists()
        )
        asking = insert(EmbeddingTask).from_select(["kind", "subject_id", "asked_at"], missing)
        await session.execute(asking.on_conflict_do_nothing())
    # Another model may take what this one's predecessor did not.
    others = update(EmbeddingTask).where(EmbeddingTask.refused_by != embedder.name)
    await session.execute(others.values(refused_count=0, refused_by=None, asked_at=clock.now()))


async def run(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: one batch of those that wait. When there are more, a few rows of jobs go on at once until all is made:
    each job makes the next of its row, whose key is not its own, since that is still taken."""
    if await embed_batch(session, asked_before=clock.now() - SETTLED) is None:
        return
    turn = 1 - int(payload.get("turn", 1))
    rows = [int(payload["row"])] if "row" in payload else list(range(ROWS))
    for row in rows:
        await enqueue(session, RUN, {"row": row, "turn": turn}, dedupe_key=f"embeddings:{row}:{turn}")


async def embed_batch(session: AsyncSession, *, asked_before: datetime) -> UUID | None:
    """The last one of a full batch; null when there is no more to do now, or the model does not answer: what waits
    goes on waiting. Any number of processes may do this at once."""
    embedder = current_embedder()
    if embedder is None:
        return None
    waiting = (
        select(EmbeddingTask.kind, EmbeddingTask.subject_id)
        .where(EmbeddingTask.asked_at <= asked_before, EmbeddingTask.refused_by.is_(None))
        .order_by(EmbeddingTask.asked_at, EmbeddingTask.subject_id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    tasks = [(kind, subject_id) for kind, subject_id in (await session.execute(waiting)).all()]
    if not tasks:
        return None
    texts = await _texts_of(session, tasks, embedder.languages)
    try:
        made = await _vectors_of(embedder, texts)
    except EmbeddingsUnavailable as error:
        logger.warning("embeddings_unavailable", reason=str(error))
        return None
    await _keep(session, embedder.name, list(made), list(made.values()))
    refused = texts.keys() - made.keys()
    if refused:
        await _put_back(session, embedder.name, refused)
    for kind in EmbeddedKind:
        done = [subject_id for one, subject_id in tasks if one is kind and (one, subject_id) not in refused]
        gone = [subject_id for subject_id in done if (kind, subject_id) not in texts]
        for table, ids in ((Embedding, gone), (EmbeddingTask, done)):
            if ids:
                await session.execute(delete(table).where(table.kind == kind, table.subject_id.in_(ids)))
    return tasks[-1][1] if len(tasks) == BATCH else None


async def _vectors_of(embedder: Embedder, texts: Mapping[_Task, str]) -> dict[_Task, Sequence[float]]:
    """Of all but those that it refuses: they are found by halves. Raises `EmbeddingsUnavailable`."""
    if not texts:
        return {}
    try:
        return await _made(embedder, texts)
    except EmbeddingsRefused:
        try:
            await embedder.embed([_HARMLESS])
        except EmbeddingsRefused as error:
            message = f"it refuses every text ({error})"
            raise EmbeddingsUnavailable(message) from error
        return await _halved(embedder, texts)


async def _made(embedder: Embedder, texts: Mapping[_Task, str]) -> dict[_Task, Sequence[float]]:
    tasks = list(texts)
    found: dict[_Task, Sequence[float]] = {}
    for start in range(0, len(tasks), _GIVEN):
        given = tasks[start : start + _GIVEN]
        found |= dict(zip(given, await embedder.embed([texts[task] for task in given]), strict=True))
    return found


async def _halved(embedder: Embedder, texts: Mapping[_Task, str]) -> dict[_Task, Sequence[float]]:
    """Of what was refused as a whole."""
    if len(texts) == 1:
        return {}
    items = list(texts.items())
    found: dict[_Task, Sequence[float]] = {}
    for half in (dict(items[: len(items) // 2]), dict(items[len(items) // 2 :])):
        try:
            found |= await _made(embedder, half)
        except EmbeddingsRefused:
            found |= await _halved(embedder, half)
    return found


async def _put_back(session: AsyncSession, model: str, refused: Collection[_Task]) -> None:
    """At the end of the queue, or aside."""
    for kind, subject_id in sorted(refused):
        task = await session.get_one(EmbeddingTask, (kind, subject_id))
        task.refused_count += 1
        if task.refused_count > len(_OFFERED_AGAIN):
            task.refused_by = model
            # What it said before is not what it says now.
            stale = (Embedding.kind == kind, Embedding.subject_id == subject_id)
            await session.execute(delete(Embedding).where(*stale))
            logger.warning("embedding_text_set_aside", kind=kind.value, id=str(subject_id), model=model)
        else:
            task.asked_at = clock.now() + _OFFERED_AGAIN[task.refused_count - 1]
    await session.flush()


async def embed_all(database: Database) -> AsyncIterator[tuple[int, int]]:
    """Everything that has no vector of this model, here and now; from time to time how many were made and how many
    wait. A batch commits by itself, so it may be killed at any time. Two at once, as the jobs do it. At the
    end their index is made, where PostgreSQL has pgvector."""
    async with database.session() as session:
        await check(session, {})
    rounds, goes_on = 0, True
    while goes_on:
        goes_on = any(await asyncio.gather(*[_embed_some(database) for _ in range(ROWS)]))
        rounds += 1
        if rounds % _TELL_EVERY == 0:
            async with database.reads() as reads:
                counting = select(func.count()).select_from(EmbeddingTask)
                waiting = await reads.fetch_value(counting.where(EmbeddingTask.refused_count == 0))
            yield rounds * ROWS * BATCH, waiting
    embedder = current_embedder()
    if embedder is not None:
        await make_index(database, embedder.name)


async def _embed_some(database: Database) -> bool:
    """Whether there may be more."""
    async with database.session() as session:
        return await embed_batch(session, asked_before=clock.now()) is not None


async def _texts_of(
    session: AsyncSession, tasks: Sequence[_Task], languages: Collection[str] | None
) -> dict[_Task, str]:
    """Of those that still have one."""
    found: dict[_Task, str] = {}
    for kind, texts in _sources.items():
        ids = [subject_id for one, subject_id in tasks if one is kind]
        if ids:
            everything = texts(languages).subquery("texts")
            wanted = select(everything.c.id, everything.c.text).where(everything.c.id.in_(ids))
            found |= {(kind, row.id): row.text for row in (await session.execute(wanted)).all()}
    return found


async def _keep(session: AsyncSession, model: str, tasks: Sequence[_Task], vectors: Sequence[Sequence[float]]) -> None:
    if not tasks:
        return
    packed = [pack(vector) for vector in vectors]
    given = func.unnest(
        literal([kind.value for kind, _ in tasks], ARRAY(Text)),
        literal([subject_id for _, subject_id in tasks], ARRAY(Uuid(as_uuid=True))),
        literal([sign_code(vector) for vector in vectors], ARRAY(Text)),
        literal([values for values, _ in packed], ARRAY(LargeBinary)),
        literal([norm for _, norm in packed], ARRAY(Double)),
    )
    rows = given.table_valued("kind", "subject_id", "code", "vector", "norm", name="given").render_derived()
    new = select(
        rows.c.kind,
        rows.c.subject_id,
        literal(model, Text),
        cast(cast(rows.c.code, Text), BIT(varying=True)),
        rows.c.vector,
        rows.c.norm,
        literal(clock.now(), UtcDateTime),
    ).order_by(rows.c.subject_id)
    kept = ["kind", "subject_id", "model", "code", "vector", "norm", "embedded_at"]
    adding = insert(Embedding).from_select(kept, new)
    await session.execute(
        adding.on_conflict_do_update(
            index_elements=[Embedding.kind, Embedding.subject_id],
            set_={name: adding.excluded[name] for name in kept[2:]},
        )
    )
