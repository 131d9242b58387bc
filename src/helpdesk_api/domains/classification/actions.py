"""Saying from where on the model decides."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.domains.classification.events import ClassificationSettingsChanged
from helpdesk_api.domains.classification.models import ClassificationSettings
from helpdesk_api.domains.classification.schemas import ClassificationSettingsUpdate
from helpdesk_api.domains.classification.state import CLASSIFICATION, thresholds_from
from helpdesk_api.domains.classification.training import SUBJECT
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import PreconditionFailed
from helpdesk_api.web.preconditions import IfMatch, etag_of


async def read_settings(session: AsyncSession, *, lock: bool = False) -> ClassificationSettings | None:
    statement = select(ClassificationSettings)
    found: ClassificationSettings | None = await session.scalar(statement.with_for_update() if lock else statement)
    return found


async def replace_settings(
    session: AsyncSession, principal: Principal, body: ClassificationSettingsUpdate, if_match: IfMatch
) -> ClassificationSettings:
    """For new tickets only. Raises `precondition_required` and `precondition_failed`."""
    stored = await read_settings(session, lock=True)
    version = stored.version if stored is not None else 0
    if_match.check(etag_of(version), required=True)
    before = thresholds_from(stored.thresholds if stored is not None else None)
    wanted = body.model_dump()
    values: dict[str, Any] = {"thresholds": wanted, "updated_at": clock.now(), "version": version + 1}
    # Where there was no row there was none to lock: the version decides between two first writers.
    statement = (
        insert(ClassificationSettings)
        .values(id=1, **values)
        .on_conflict_do_update(
            index_elements=[ClassificationSettings.id],
            set_=values,
            where=ClassificationSettings.version == version,
        )
        .returning(ClassificationSettings)
    )
    written = await session.scalar(statement, execution_options={"populate_existing": True})
    if written is None:
        raise PreconditionFailed
    await invalidate(session, CLASSIFICATION)
    changes = {one.value: (old, wanted[one.value]) for one, old in before.items() if old != wanted[one.value]}
    event = ClassificationSettingsChanged(subject_id=SUBJECT, visibility=Visibility.INTERNAL, internal_changes=changes)
    await record(session, principal, event)
    found: ClassificationSettings = written
    return found


def shown_settings(settings: ClassificationSettings | None) -> dict[str, Any]:
    thresholds = thresholds_from(settings.thresholds if settings is not None else None)
    return {
        **{one.value: threshold for one, threshold in thresholds.items()},
        "updated_at": settings.updated_at if settings is not None else None,
    }
