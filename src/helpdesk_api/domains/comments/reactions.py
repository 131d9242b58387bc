"""What comments do when their files change."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.attachments.events import AttachmentEvent
from helpdesk_api.domains.attachments.links import image_paths
from helpdesk_api.domains.attachments.queries import ids_of_comment
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.web.markdown import rendered


async def follow_attachment(session: AsyncSession, principal: Principal, event: AttachmentEvent) -> None:
    """attachment.released, .refused, .removed: the comment is another one now, and shows no lost picture."""
    del principal
    comment_id = event.entity.comment_id
    if comment_id is None:
        return
    comment = await session.scalar(select(Comment).where(Comment.id == comment_id).with_for_update())
    if comment is None:
        return
    comment.version += 1
    comment.body_html = await rendered(comment.body, image_paths(await ids_of_comment(session, comment_id)))
