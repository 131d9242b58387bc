"""The vectors over HTTP, for operators."""

from typing import Any

from helpdesk_api.authorization.dependencies import requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.session import ReadSessionDep
from helpdesk_api.domains.embeddings import queries
from helpdesk_api.domains.embeddings.schemas import EmbeddingIndex
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/embeddings", tags=["jobs"])


@router.get(
    "",
    operation_id="getEmbeddingIndex",
    summary="Read how far the embeddings are",
    response_model=EmbeddingIndex,
    dependencies=[requires(Permission.OPERATIONS_READ)],
    openapi_extra={"x-etag": True},
)
async def get_index(reads: ReadSessionDep) -> Any:
    """They are made by a job that goes on where it stopped; meanwhile what has none is found by its words."""
    return await queries.progress(reads)
