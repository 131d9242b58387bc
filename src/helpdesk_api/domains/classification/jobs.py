"""Learning by night."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.state import can_learn
from helpdesk_api.domains.classification.training import train

TRAIN: Final = "classification.train"
# UTC; asked every hour, so that a night without a worker is made up for by the next one.
NIGHT: Final = range(1, 5)
_APART: Final = timedelta(hours=12)


async def train_at_night(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: once a night, from what people did with the tickets until then."""
    del payload
    now = clock.now()
    if now.hour not in NIGHT or not can_learn():
        return
    last = await session.scalar(select(func.max(ClassificationModel.trained_at)))
    if last is None or now - last >= _APART:
        await train(session)


JOBS: Final = {TRAIN: train_at_night}
