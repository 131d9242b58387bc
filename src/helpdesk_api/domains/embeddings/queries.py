"""How far the vectors are."""

from typing import Any

from sqlalchemy import case, func, select

from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.embeddings.engine import current_embedder
from helpdesk_api.domains.embeddings.jobs import embedded_sources
from helpdesk_api.domains.embeddings.models import Embedding, EmbeddingTask


async def progress(reads: ReadSession) -> dict[str, Any]:
    """Two statements for each kind, and one for what waits."""
    embedder = current_embedder()
    model = embedder.name if embedder is not None else None
    languages = embedder.languages if embedder is not None else None
    is_aside = EmbeddingTask.refused_by.is_not(None)
    counting = select(EmbeddingTask.kind, is_aside.label("is_aside"), func.count().label("count"))
    waiting = {
        (row["kind"], row["is_aside"]): row["count"]
        for row in await reads.fetch(counting.group_by(EmbeddingTask.kind, is_aside))
    }
    kinds = []
    for kind, texts in embedded_sources().items():
        total = await reads.fetch_value(select(func.count()).select_from(texts(languages).subquery("texts")))
        of_model = func.sum(case((Embedding.model == model, 1), else_=0))
        row = await reads.fetch_one(
            select(func.count().label("all"), func.coalesce(of_model, 0).label("current")).where(Embedding.kind == kind)
        )
        kinds.append(
            {
                "kind": kind,
                "total_count": total,
                "embedded_count": row["current"],
                "outdated_count": row["all"] - row["current"],
                "waiting_count": waiting.get((kind.value, False), 0),
                "set_aside_count": waiting.get((kind.value, True), 0),
            }
        )
    return {"model": model, "kinds": kinds}
