"""Learning from the deployment's own tickets: read here, learned in a process of its own, kept if it is better."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.domains.classification.children import ChildFailed, run_child
from helpdesk_api.domains.classification.enums import ClassifiedField, TrainingOutcome
from helpdesk_api.domains.classification.events import ClassificationModelActivated
from helpdesk_api.domains.classification.examples import read_examples
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.rules import Example, learnable
from helpdesk_api.domains.classification.state import CLASSIFICATION, can_learn, state_within
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record

logger = structlog.get_logger(__name__)
SUBJECT: Final = UUID(int=1)
KEPT_TRAININGS: Final = 400
_LEARNER: Final = "helpdesk_api.domains.classification.learner"
_TRAINING_LOCK: Final = 4_207_018
_LONGEST_SECONDS: Final = 3_600


async def train(session: AsyncSession) -> ClassificationModel | None:
    """The training that was made, whatever came of it; null without the extra, or while another one is under way."""
    if not can_learn() or not await session.scalar(select(func.pg_try_advisory_xact_lock(_TRAINING_LOCK))):
        return None
    state = await state_within(session)
    in_use = await session.scalar(select(ClassificationModel).where(ClassificationModel.is_active).with_for_update())
    old = await session.scalar(select(ClassificationModel.content).where(ClassificationModel.is_active))
    examples = await read_examples(session)
    given = [Example(*one) for one in examples]
    if not any(learnable(given, field.value) for field in ClassifiedField):
        return await _keep(session, in_use, {"outcome": TrainingOutcome.NOTHING_TO_LEARN.value}, b"")
    header = {
        "fields": [one.value for one in ClassifiedField],
        "thresholds": {one.value: threshold for one, threshold in state.thresholds.items()},
        "old": base64.b64encode(old).decode() if old is not None else None,
        "old_sha256": in_use.sha256 if in_use is not None else None,
    }
    try:
        report, content = await run_learner(header, examples)
    except ChildFailed as error:
        logger.warning("classification_training_failed", reason=str(error))
        report, content = {"outcome": TrainingOutcome.FAILED.value, "problem": str(error)[:500]}, b""
    return await _keep(session, in_use, report, content)


async def run_learner(header: Mapping[str, Any], examples: Sequence[Sequence[Any]]) -> tuple[dict[str, Any], bytes]:
    """The report and, if it is to be used, the model. Raises `ChildFailed`."""
    lines = "".join(f"{json.dumps(line)}\n" for line in (header, *examples)).encode()
    first, _, content = (await run_child(_LEARNER, lines, longest_seconds=_LONGEST_SECONDS)).partition(b"\n")
    try:
        report: dict[str, Any] = json.loads(first)
    except ValueError as error:
        message = "it gave no report"
        raise ChildFailed(message) from error
    return report, content


async def _keep(
    session: AsyncSession, in_use: ClassificationModel | None, report: Mapping[str, Any], content: bytes
) -> ClassificationModel:
    outcome = TrainingOutcome(report["outcome"])
    last = await session.scalar(select(func.coalesce(func.max(ClassificationModel.number), 0))) or 0
    is_active = outcome is TrainingOutcome.ACTIVATED
    if is_active and in_use is not None:
        before = update(ClassificationModel).where(ClassificationModel.number == in_use.number)
        await session.execute(before.values(is_active=False, content=None, sha256=None))
    if outcome is TrainingOutcome.NOT_BETTER and in_use is not None and content:
        same = update(ClassificationModel).where(ClassificationModel.number == in_use.number)
        await session.execute(same.values(content=content, sha256=report["sha256"]))
        await invalidate(session, CLASSIFICATION)
    made = ClassificationModel(
        number=last + 1,
        outcome=outcome,
        is_active=is_active,
        trained_at=clock.now(),
        trained_on=report.get("trained_on", 0),
        measured_on=report.get("measured_on", 0),
        measures={name: report[name] for name in ("fields", "score", "score_before", "problem") if name in report},
        content=content if is_active else None,
        sha256=report["sha256"] if is_active else None,
    )
    session.add(made)
    await session.execute(
        delete(ClassificationModel).where(
            ClassificationModel.number <= last - KEPT_TRAININGS, ClassificationModel.is_active.is_(False)
        )
    )
    await session.flush()
    if is_active:
        await invalidate(session, CLASSIFICATION)
        event = ClassificationModelActivated(
            subject_id=SUBJECT, visibility=Visibility.INTERNAL, internal_data={"number": made.number}
        )
        await record(session, Principal.system(), event)
    return made
