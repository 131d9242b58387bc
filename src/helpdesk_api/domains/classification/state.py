"""What every process knows of the model in use: the facts from a cache that a NOTIFY invalidates, the file once.

The file is opened by a process of its own: whatever it holds, this one goes on, and keeps no more than the arrays.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.classification.children import ChildRefused, run_child
from helpdesk_api.domains.classification.enums import ClassificationEngine, ClassifiedField, EngineReason
from helpdesk_api.domains.classification.models import ClassificationModel, ClassificationSettings
from helpdesk_api.domains.classification.patience import PATIENCE_SECONDS
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.integrations.memory import give_back

if TYPE_CHECKING:
    from helpdesk_api.domains.classification.model import LearnedModel

logger = structlog.get_logger(__name__)
CLASSIFICATION: Final = "classification"
Thresholds = Mapping[ClassifiedField, float | None]
DEFAULT_THRESHOLDS: Final[Thresholds] = {
    ClassifiedField.TYPE: 0.9,
    ClassifiedField.CATEGORY: 0.8,
    ClassifiedField.PRIORITY: 0.9,
    ClassifiedField.TEAM: 0.8,
}
_LIBRARIES: Final = ("numpy", "sklearn", "skops")
_OPENER: Final = "helpdesk_api.domains.classification.opener"
_LONGEST_SECONDS: Final = 300
# What failed for want of time or memory is tried again after so long, twice as long, and so on.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class State:
    """The model in use, from where on it decides, and the teams that it may name."""

    thresholds: Thresholds
    number: int | None
    sha256: str | None
    team_ids: frozenset[UUID]


async def _load(reads: ReadSession, key: str) -> State:
    del key
    settings = await reads.fetch_value(select(ClassificationSettings.thresholds))
    active = await reads.fetch_one(
        select(ClassificationModel.number, ClassificationModel.sha256).where(ClassificationModel.is_active)
    )
    teams = await reads.fetch(select(Team.id).where(Team.archived_at.is_(None)))
    return State(
        thresholds=thresholds_from(settings),
        number=active["number"] if active is not None else None,
        sha256=active["sha256"] if active is not None else None,
        team_ids=frozenset(row["id"] for row in teams),
    )


def thresholds_from(stored: Mapping[str, Any] | None) -> Thresholds:
    """As kept, by field; the default ones where nothing is."""
    return DEFAULT_THRESHOLDS if stored is None else {one: stored.get(one.value) for one in ClassifiedField}


_state: InvalidatedCache[State] = InvalidatedCache(CLASSIFICATION, _load)


async def state_within(session: AsyncSession) -> State:
    return await _state.get_within(session)


@cache
def can_learn() -> bool:
    """Whether the extra `ai` is installed; looked up without importing it."""
    return all(find_spec(name) is not None for name in _LIBRARIES)


@dataclass(frozen=True, slots=True)
class _Failure:
    """The file that was not loaded, why, how often it was tried, and when it is tried again: never what is no model."""

    sha256: str
    problem: str
    tries: int
    again_at: datetime | None


@dataclass
class _Process:
    """What this process has loaded, what it could not load, and the loading that is under way."""

    sha256: str | None = None
    number: int = 0
    model: "LearnedModel | None" = None
    failure: _Failure | None = None
    loading: asyncio.Task[None] | None = None

    def failure_of(self, sha256: str | None) -> _Failure | None:
        return self.failure if self.failure is not None and self.failure.sha256 == sha256 else None

    def is_wanted(self, sha256: str) -> bool:
        """Whether it is to be loaded now."""
        failure = self.failure_of(sha256)
        is_due = failure is None or (failure.again_at is not None and failure.again_at <= clock.now())
        return self.sha256 != sha256 and is_due


_process = _Process()


def use_no_model() -> None:
    """Forget what this process has loaded, as when it starts."""
    _process.sha256 = _process.model = _process.failure = None


async def model_within(
    session: AsyncSession, state: State, *, patience: float | None = PATIENCE_SECONDS
) -> "tuple[int, LearnedModel] | None":
    """The model with its number; while a newer one is being loaded, the one before, if any."""
    if state.sha256 is None or state.number is None or not can_learn():
        return None
    if _process.is_wanted(state.sha256):
        if not _is_loading():
            wanted = select(ClassificationModel.content).where(ClassificationModel.number == state.number)
            content = await session.scalar(wanted) or b""
            # Another request may have begun it while this one read.
            if not _is_loading():
                _process.loading = asyncio.create_task(_load_model(content, state.number, state.sha256))
                await asyncio.wait({_process.loading}, timeout=patience)
        if patience is None and _process.loading is not None:
            await asyncio.wait({_process.loading})
    failure = _process.failure_of(state.sha256)
    if _process.model is None or (failure is not None and failure.again_at is None):
        return None
    return _process.number, _process.model


def _is_loading() -> bool:
    return _process.loading is not None and not _process.loading.done()


async def _load_model(content: bytes, number: int, sha256: str) -> None:
    try:
        arrays = await run_child(_OPENER, content, sha256, longest_seconds=_LONGEST_SECONDS)
        _process.model = await asyncio.to_thread(_unpacked, arrays)
        _process.sha256, _process.number, _process.failure = sha256, number, None
    except ChildRefused as error:
        logger.warning("classification_model_refused", number=number, reason=str(error))
        _process.failure = _Failure(sha256, str(error), 1, None)
    # Whatever is wrong with a library or this machine, tickets are opened without it.
    except Exception as error:  # noqa: BLE001 - said in the log and by `GET /v1/classification`
        before = _process.failure_of(sha256)
        tries = before.tries + 1 if before is not None else 1
        again_at = clock.now() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries - 1, 9))
        logger.warning(
            "classification_model_not_loaded", number=number, reason=str(error), tries=tries, again_at=str(again_at)
        )
        _process.failure = _Failure(sha256, str(error) or type(error).__name__, tries, again_at)


def _unpacked(arrays: bytes) -> "LearnedModel":
    from helpdesk_api.domains.classification.packing import unpack  # noqa: PLC0415 - of the extra `ai`

    model = unpack(arrays)
    give_back()
    return model


async def engine_within(session: AsyncSession) -> "Engine":
    """What sorts new tickets here; a model that was never loaded is loaded, so that the answer is true."""
    state = await state_within(session)
    if not can_learn():
        return Engine(state, EngineReason.EXTRA_MISSING)
    if state.sha256 is None:
        return Engine(state, EngineReason.NOT_TRAINED)
    await model_within(session, state, patience=None)
    failure = _process.failure_of(state.sha256)
    if failure is not None and failure.again_at is None:
        return Engine(state, EngineReason.UNUSABLE_FILE, failure.problem)
    if failure is not None and _process.model is None:
        return Engine(state, EngineReason.NOT_LOADED, failure.problem)
    return Engine(state)


@dataclass(frozen=True, slots=True)
class Engine:
    """Why there are keyword rules only, and what is wrong with the model's file; both null with a model."""

    state: State
    reason: EngineReason | None = None
    problem: str | None = None

    @property
    def name(self) -> ClassificationEngine:
        return ClassificationEngine.MODEL if self.reason is None else ClassificationEngine.KEYWORD_RULES
