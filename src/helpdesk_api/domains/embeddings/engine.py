"""This process's model of meaning, and the vectors of questions: asked for once, and never waited for in vain."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import bindparam, select

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.embeddings.models import Embedding
from helpdesk_api.domains.embeddings.rules import sign_code, unit
from helpdesk_api.integrations.embeddings.protocol import Embedder, EmbeddingsUnavailable

logger = structlog.get_logger(__name__)
# What is typed comes again with every list of the same question.
_KEPT: Final = 500
# While there are no vectors at all nobody loads a model to search them.
_LOOK_AGAIN_SECONDS: Final = 15.0
QUESTION_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Meaning:
    """A question as a vector of length 1; only vectors of the same model are near it or not."""

    model: str
    values: tuple[float, ...]
    code: str


class _Engine:
    def __init__(self) -> None:
        self.embedder: Embedder | None = None
        self.kept: OrderedDict[tuple[str, str], Meaning] = OrderedDict()
        self.models_in_use: set[str] = set()
        self.looked_at = float("-inf")


_engine = _Engine()


def use_embedder(embedder: Embedder | None) -> None:
    """Called once by the process; None where there is no model: everything works by words alone then."""
    _engine.embedder = embedder
    _engine.kept.clear()
    _engine.models_in_use.clear()
    _engine.looked_at = float("-inf")


async def close_embedder() -> None:
    """When the process ends."""
    if _engine.embedder is not None:
        await _engine.embedder.close()


def current_embedder() -> Embedder | None:
    return _engine.embedder


_IN_USE: Final = CompiledStatement(
    select(select(Embedding.subject_id).where(Embedding.model == bindparam("model")).exists())
)


async def meaning_of(reads: ReadSession, text: str) -> Meaning | None:
    """Null where there is no model, nothing to compare with, or no answer in time: nothing fails for it."""
    return await awaited(reads, await begin_meaning_of(reads, text))


Begun = asyncio.Task[Meaning | None] | Meaning | None


async def awaited(reads: ReadSession, begun: Begun) -> Meaning | None:
    """A model may be a service that hangs: no connection waits for it."""
    if not isinstance(begun, asyncio.Task):
        return begun
    if begun.done():
        return begun.result()
    async with reads.without_connection():
        return await begun


async def begin_meaning_of(reads: ReadSession, text: str) -> Begun:
    """As `meaning_of`, and while it is being made, who asks may look for words: a model takes as long as PostgreSQL."""
    embedder = _engine.embedder
    if embedder is None or not await _is_in_use(reads, embedder.name):
        return None
    if not embedder.is_ready:
        embedder.prepare()
        return None
    key = (embedder.name, text[:QUESTION_LENGTH])
    known = _engine.kept.get(key)
    if known is not None:
        _engine.kept.move_to_end(key)
        return known
    return asyncio.create_task(_made(embedder, key))


async def _made(embedder: Embedder, key: tuple[str, str]) -> Meaning | None:
    try:
        (values,) = await embedder.embed([key[1]])
    except EmbeddingsUnavailable as error:
        logger.warning("embeddings_unavailable", reason=str(error))
        return None
    meaning = _engine.kept[key] = Meaning(embedder.name, unit(values), sign_code(values))
    if len(_engine.kept) > _KEPT:
        _engine.kept.popitem(last=False)
    return meaning


async def _is_in_use(reads: ReadSession, model: str) -> bool:
    if model in _engine.models_in_use:
        return True
    now = time.monotonic()
    if now - _engine.looked_at < _LOOK_AGAIN_SECONDS:
        return False
    _engine.looked_at = now
    if await reads.fetch_value(_IN_USE, {"model": model}):
        _engine.models_in_use.add(model)
        return True
    return False
