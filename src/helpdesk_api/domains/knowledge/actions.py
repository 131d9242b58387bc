"""What changes an article: one function per verb. The caller holds the row's lock (see `queries.lock_article`)."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.knowledge import errors, events, policy
from helpdesk_api.domains.knowledge.category_actions import check_staff
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleAudience, ArticleRefusal, ArticleStatus
from helpdesk_api.domains.knowledge.full_text import keep_searchable
from helpdesk_api.domains.knowledge.models import Article, ArticleCategory, ArticleStatistics, ArticleVersion
from helpdesk_api.domains.knowledge.rules import REVIEW_INTERVAL_DAYS, refusal
from helpdesk_api.domains.knowledge.schemas import ArticleCreate, ArticleUpdate
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import ExternalPairIncomplete, UnknownReference
from helpdesk_api.web.markdown import rendered
from helpdesk_api.web.schemas import instant_text

_NAMED_IMAGES = re.compile(r"attachment:(att_[0-9a-f]{32})")
CONTENT = ("title", "summary", "body", "tags", "source_number")
# What is approved besides the text: on what readers have before them, only approvers change these.
_APPROVED = frozenset({"audience", "team_ids", "category_id", "language"})
_WAITING = ("status", "publish_at", "approved_by_id")
_PREFIXES = {
    "approved_by_id": "usr",
    "category_id": "acg",
    "owner_id": "usr",
    "author_id": "usr",
    "translation_of_id": "art",
    "team_ids": "tea",
}


async def create_article(
    session: AsyncSession, principal: Principal, body: ArticleCreate, *, is_own_text: bool = True
) -> Article:
    """A text that is not the caller's own is taken however long it is as HTML.

    Raises `too_long_as_html`, `unknown_reference`, `article_teams_required`, `article_original_required`,
    `article_language_taken`, `article_external_id_taken`, `external_pair_incomplete` and `article_category_retired`.
    """
    if not principal.is_staff:
        raise errors.ArticleActionForbidden(ArticleAction.UPDATE)
    if (body.external_source is None) != (body.external_id is None):
        raise ExternalPairIncomplete(pointer="#/external_id" if body.external_id is None else "#/external_source")
    original = await _original(session, principal, body.translation_of_id)
    given = body.model_dump(exclude=set(CONTENT), exclude_none=True)
    inherited = {name: getattr(original, name) for name in ("audience", "team_ids", "category_id")} if original else {}
    if given.get("audience") not in {None, inherited.get("audience")}:
        inherited.pop("team_ids", None)
    facts = {"audience": ArticleAudience.AGENTS, "team_ids": [], "owner_id": principal.user_id, **inherited, **given}
    await _check_facts(session, facts, kept_teams=inherited.get("team_ids", ()))
    facts["team_ids"] = list(dict.fromkeys(facts["team_ids"]))
    article_id, now = new_id(), clock.now()
    article = Article(
        id=article_id,
        group_id=original.id if original is not None else article_id,
        author_id=principal.user_id,
        status=ArticleStatus.DRAFT,
        latest_number=1,
        created_at=now,
        updated_at=now,
        public_updated_at=now,
        **{"review_interval_days": REVIEW_INTERVAL_DAYS, **facts},
    )
    session.add(article)
    await _flush_checked(session)
    content = body.model_dump(include=set(CONTENT))
    content["tags"] = list(dict.fromkeys(content["tags"] or ()))
    content["source_number"] = _source(original, body.source_number)
    version = await write_version(session, principal, article, content, is_own_text=is_own_text)
    session.add(ArticleStatistics(article_id=article.id))
    await session.flush()
    await keep_searchable(session, article, version)
    changes = {name: (None, shown(name, value)) for name, value in facts.items()}
    await tell(session, principal, article, events.ArticleCreated, {**changes, "title": (None, body.title)})
    return article


async def update_article(
    session: AsyncSession, principal: Principal, article: Article, latest: ArticleVersion, body: ArticleUpdate
) -> None:
    """Raises what `create_article` does, `article_action_forbidden` and `article_transition_not_allowed`."""
    approver_id = await require(session, principal, article, ArticleAction.UPDATE)
    facts, content = _asked(article, body)
    if (
        article.published_number is not None
        and facts.keys() & _APPROVED
        and not policy.may_approve(principal, approver_id)
    ):
        raise errors.ArticleActionForbidden(ArticleAction.APPROVE)
    held = {"audience": article.audience, "team_ids": article.team_ids}
    await _check_facts(session, held | facts, facts, kept_teams=article.team_ids)
    if "team_ids" in facts:
        facts["team_ids"] = list(dict.fromkeys(facts["team_ids"]))
    if "source_number" in content:
        original = await session.get(Article, article.translation_of_id) if article.translation_of_id else None
        content["source_number"] = _source(original, content["source_number"])
    new = {name: value for name, value in content.items() if getattr(latest, name) != value}
    if not facts and not new:
        return
    changes = {name: (shown(name, getattr(article, name)), shown(name, value)) for name, value in facts.items()}
    waited, was_seen = waiting(article), article.audience in policy.FOR_REQUESTERS
    for name, value in facts.items():
        setattr(article, name, value)
    if article.status is ArticleStatus.IN_REVIEW and facts.keys() & _APPROVED:
        await review_again(session, principal, article, approver_id)
    _review_otherwise(article, facts)
    if new:
        changes |= {"number": (article.latest_number, article.latest_number + 1)}
        latest = await revise(session, principal, article, latest, new)
    changes |= changed_since(article, waited)
    is_seen = article.published_number is not None
    touch(article, public=is_seen and bool(facts.keys() & _APPROVED))
    await _flush_checked(session)
    if is_seen and "audience" in facts:
        await touch_translations(session, article, seen=was_seen or article.audience in policy.FOR_REQUESTERS)
    await show(session, article)
    await tell(session, principal, article, events.ArticleUpdated, changes)


def _review_otherwise(article: Article, facts: Mapping[str, Any]) -> None:
    if "owner_id" in facts:
        # Whoever was told that it is due, or was not there any more to be told, owns it no longer.
        article.review_told_at = None
    if "review_interval_days" in facts and article.published_number is not None:
        looked_at = filter(None, (article.reviewed_at, article.published_at))
        plan_review(article, max(looked_at, default=clock.now()))


def _asked(article: Article, body: ArticleUpdate) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts that would change, and what is said of the content."""
    given = body.model_dump(exclude_unset=True)
    if "tags" in given:
        given["tags"] = list(dict.fromkeys(given["tags"]))
    content = {name: given.pop(name) for name in CONTENT if name in given}
    facts = {name: value for name, value in given.items() if getattr(article, name) != value}
    # Teams are shown in another order than they are kept in.
    if set(facts.get("team_ids", ())) == set(article.team_ids):
        facts.pop("team_ids", None)
    return facts, content


def waiting(article: Article) -> dict[str, Any]:
    """What a submission waits for, and what was decided of it."""
    return {name: getattr(article, name) for name in _WAITING}


def changed_since(article: Article, waited: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    now = waiting(article)
    return {
        name: (shown(name, before), shown(name, now[name])) for name, before in waited.items() if now[name] != before
    }


async def review_again(session: AsyncSession, principal: Principal, article: Article, approver_id: UUID | None) -> None:
    """What was submitted, and perhaps approved for later, was for others: back to draft, unless by who approves it.
    One who files it where somebody else approves leaves it to them."""
    if not policy.may_approve(principal, approver_id):
        article.status = ArticleStatus.DRAFT
    elif policy.may_approve(principal, await approver_of(session, article.category_id)):
        return
    article.publish_at = article.approved_by_id = None


async def revise(
    session: AsyncSession,
    principal: Principal,
    article: Article,
    latest: ArticleVersion,
    new: Mapping[str, Any],
    *,
    restored_from: int | None = None,
) -> ArticleVersion:
    """A new version in draft: what was approved or submitted was another text."""
    article.latest_number += 1
    article.status = ArticleStatus.DRAFT
    article.publish_at = article.approved_by_id = None
    content = {name: getattr(latest, name) for name in CONTENT} | dict(new)
    return await write_version(session, principal, article, content, restored_from=restored_from)


async def write_version(
    session: AsyncSession,
    principal: Principal,
    article: Article,
    content: Mapping[str, Any],
    *,
    restored_from: int | None = None,
    is_own_text: bool = True,
) -> ArticleVersion:
    pointer = "#/body" if is_own_text and restored_from is None else None
    version = ArticleVersion(
        article_id=article.id,
        number=article.latest_number,
        body_html=await rendered(content["body"], _images(content["body"]), pointer=pointer),
        created_by_id=principal.user_id,
        created_at=clock.now(),
        restored_from=restored_from,
        **content,
    )
    session.add(version)
    await session.flush()
    return version


def _images(body: str) -> Mapping[str, str]:
    """Where its pictures are had. Who may see them is judged there, and so they may be named before they are added."""
    return {name: f"/v1/attachments/{name}/download" for name in _NAMED_IMAGES.findall(body)}


async def show(session: AsyncSession, article: Article) -> None:
    """Search and words follow the version that is shown."""
    number = article.published_number or article.latest_number
    version = await session.get_one(ArticleVersion, (article.id, number))
    await keep_searchable(session, article, version)


async def require(session: AsyncSession, principal: Principal, article: Article, action: ArticleAction) -> UUID | None:
    """Who approves it. Raises `article_action_forbidden` or `article_transition_not_allowed`."""
    approver_id = await approver_of(session, article.category_id)
    reason = refusal(policy.standing(principal, article, approver_id), action)
    if reason is ArticleRefusal.WRONG_STATUS:
        raise errors.ArticleTransitionNotAllowed(action, article.status)
    if reason is not None:
        scope = Permission.ARTICLES_WRITE.value if reason is ArticleRefusal.SCOPE_MISSING else None
        raise errors.ArticleActionForbidden(action, scope)
    return approver_id


async def approver_of(session: AsyncSession, category_id: UUID | None) -> UUID | None:
    if category_id is None:
        return None
    found: UUID | None = await session.scalar(
        select(ArticleCategory.approver_id).where(ArticleCategory.id == category_id)
    )
    return found


def touch(article: Article, *, public: bool) -> None:
    """Internal changes stay out of all that a reader's representation is made of."""
    article.version += 1
    article.updated_at = clock.now()
    if public:
        article.public_version += 1
        article.public_updated_at = article.updated_at


async def touch_translations(session: AsyncSession, article: Article, *, seen: bool) -> None:
    """Whether they are outdated is part of what their readers see, if they see the original; `seen` is whether
    requesters do, or did."""
    if article.translation_of_id is None:
        await session.execute(
            update(Article)
            .where(Article.translation_of_id == article.id)
            .values(version=Article.version + 1, public_version=Article.public_version + int(seen))
            .execution_options(synchronize_session=False)
        )


async def tell(
    session: AsyncSession,
    principal: Principal,
    article: Article,
    kind: type[events.ArticleEvent],
    changes: Mapping[str, tuple[Any, Any]],
    **data: Any,
) -> None:
    event = kind(
        subject_id=article.id,
        visibility=Visibility.INTERNAL,
        internal_changes=dict(changes),
        internal_data={"number": article.latest_number, **data},
        entity=article,
    )
    await record(session, principal, event)


def shown(name: str, value: Any) -> Any:
    """A field's value as events show it."""
    if isinstance(value, UUID):
        return public_id(_PREFIXES[name], value)
    if isinstance(value, list):
        return [shown(name, item) for item in value]
    if isinstance(value, datetime):
        return instant_text(value)
    return value.value if isinstance(value, StrEnum) else value


async def _original(session: AsyncSession, principal: Principal, original_id: UUID | None) -> Article | None:
    if original_id is None:
        return None
    statement = select(Article).where(Article.id == original_id, policy.readable(principal))
    found: Article | None = await session.scalar(statement)
    if found is None:
        raise UnknownReference(pointer="#/translation_of_id")
    if found.translation_of_id is not None:
        raise errors.ArticleOriginalRequired(pointer="#/translation_of_id")
    return found


def _source(original: Article | None, number: int | None) -> int | None:
    """Raises `article_original_required` for a version that the original does not have."""
    if original is None:
        if number is not None:
            raise errors.ArticleOriginalRequired(pointer="#/source_number")
        return None
    if number is not None and number > original.latest_number:
        raise errors.ArticleOriginalRequired(pointer="#/source_number")
    return number or original.published_number or original.latest_number


async def _check_facts(
    session: AsyncSession,
    facts: Mapping[str, Any],
    changed: Mapping[str, Any] | None = None,
    *,
    kept_teams: Collection[UUID],
) -> None:
    """An archived team stays where it was named, and is not named anew."""
    changed = facts if changed is None else changed
    if (facts["audience"] is ArticleAudience.TEAMS) != bool(facts["team_ids"]):
        raise errors.ArticleTeamsRequired(pointer="#/team_ids")
    if changed.get("team_ids"):
        named = select(Team.id, Team.archived_at).where(Team.id.in_(set(changed["team_ids"])))
        archived_at = dict((await session.execute(named)).all())
        for place, team_id in enumerate(changed["team_ids"]):
            if team_id not in archived_at:
                raise UnknownReference(pointer=f"#/team_ids/{place}")
            if archived_at[team_id] is not None and team_id not in kept_teams:
                message = "This team is archived, and nothing new is meant for it."
                raise UnknownReference(message, pointer=f"#/team_ids/{place}")
    if changed.get("category_id") is not None:
        category = await session.get(ArticleCategory, changed["category_id"])
        if category is None:
            raise UnknownReference(pointer="#/category_id")
        if category.retired_at is not None:
            raise errors.ArticleCategoryRetiredAbove(pointer="#/category_id")
    await check_staff(session, changed.get("owner_id"), "#/owner_id")


def plan_review(article: Article, since: datetime) -> None:
    article.review_at = since + timedelta(days=article.review_interval_days)
    article.review_told_at = None


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        text = str(error.orig)
        if "uq_articles_group_id" in text:
            raise errors.ArticleLanguageTaken(pointer="#/language") from error
        if "uq_articles_external_source" in text:
            raise errors.ArticleExternalIdTaken(pointer="#/external_id") from error
        raise
