"""Making vectors: never while somebody waits, in batches that commit, from where the last one ended."""

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
from helpdesk_api.integrations.embeddings.protocol import EmbeddingsUnavailable
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.outbox.models import EventRow

logger = structlog.get_logger(__name__)
RUN: Final = "embeddings.run"
CHECK: Final = "embeddings.check"
BATCH: Final = 64
# As many processors as one may have for this.
ROWS: Final = 2
_TELL_EVERY: Final = 16
_UPDATED: Final = "ticket.updated"
_OTHER_WORDS: Final = ("ticket.created", _UPDATED, "article.published", "article.archived")
# A text that was just written is often written again.
SETTLED: Final = timedelta(seconds=10)
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
    await session.execute(
        asking.on_conflict_do_update(index_elements=keys, set_={"asked_at": asking.excluded.asked_at})
    )


async def check(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: whatever has no vector of this model yet, be it that the model is new, or that it was down."""
    del payload
    embedder = current_embedder()
    if embedder is None:
        return
    for kind, texts in _sources.items():
        all_of_it = texts(embedder.languages).subquery("texts")
        has = and_(Embedding.kind == kind, Embedding.subject_id == all_of_it.c.id, Embedding.model == embedder.name)
        missing = select(literal(kind.value), all_of_it.c.id, literal(clock.now(), UtcDateTime)).where(
            ~select(Embedding.subject_id).where(has).exists()
        )
        asking = insert(EmbeddingTask).from_select(["kind", "subject_id", "asked_at"], missing)
        await session.execute(asking.on_conflict_do_nothing())


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
        .where(EmbeddingTask.asked_at <= asked_before)
        .order_by(EmbeddingTask.asked_at, EmbeddingTask.subject_id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    tasks = [(kind, subject_id) for kind, subject_id in (await session.execute(waiting)).all()]
    if not tasks:
        return None
    texts = await _texts_of(session, tasks, embedder.languages)
    try:
        vectors = await embedder.embed(list(texts.values())) if texts else []
    except EmbeddingsUnavailable as error:
        logger.warning("embeddings_unavailable", reason=str(error))
        return None
    await _keep(session, embedder.name, list(texts), vectors)
    for kind in EmbeddedKind:
        done = [subject_id for one, subject_id in tasks if one is kind]
        gone = [subject_id for subject_id in done if (kind, subject_id) not in texts]
        for table, ids in ((Embedding, gone), (EmbeddingTask, done)):
            if ids:
                await session.execute(delete(table).where(table.kind == kind, table.subject_id.in_(ids)))
    return tasks[-1][1] if len(tasks) == BATCH else None


async def embed_all(database: Database) -> AsyncIterator[tuple[int, int]]:
    """Everything that has no vector of this model, here and now; from time to time how many were made and how many
    wait. A batch commits by itself, so it may be killed at any time."""
    async with database.session() as session:
        await check(session, {})
    batches, goes_on = 0, True
    while goes_on:
        async with database.session() as session:
            goes_on = await embed_batch(session, asked_before=clock.now()) is not None
            batches += 1
            waiting = None
            if batches % _TELL_EVERY == 0:
                waiting = await session.scalar(select(func.count()).select_from(EmbeddingTask))
        if waiting is not None:
            yield batches * BATCH, waiting


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
