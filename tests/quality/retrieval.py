"""Whether the right article and the right resolved tickets are found: by words, by meaning, and by both as served.

Articles are those of GNOME's help in seven languages, searched by their summaries, which are not imported. Tickets are
Endava's: what is found for a quarter of them among the rest is right when it has their category. The rows that the
weights were chosen on are not those that are reported (both halves by hash).
"""

import asyncio
import csv
import gzip
import hashlib
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.embedded import EmbeddedPostgres
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.migrations import migrate
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Channel, Priority, TicketType
from helpdesk_api.domains.embeddings import jobs
from helpdesk_api.domains.embeddings.engine import current_embedder, meaning_of
from helpdesk_api.domains.knowledge.enums import ArticleAudience, ArticleLanguage, ArticleStatus
from helpdesk_api.domains.knowledge.full_text import keep_searchable
from helpdesk_api.domains.knowledge.meaning import fused, rank_by_meaning
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion
from helpdesk_api.domains.knowledge.queries import ArticleFilters
from helpdesk_api.domains.knowledge.ranking import rank
from helpdesk_api.domains.suggestions.enums import TicketScope
from helpdesk_api.domains.suggestions.similar import Among, Asked, find_tickets
from helpdesk_api.domains.suggestions.words import read_words
from helpdesk_api.domains.tickets import words
from helpdesk_api.domains.tickets.enums import PrioritySource, ResolutionCode, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.installation import install_wiring
from tests.end_to_end.real_articles import RealArticle, baseline, real_articles, shares
from tests.end_to_end.real_tickets import MATERIAL

ENDAVA = MATERIAL / "data" / "endava-tickets" / "train.csv.gz"
FIRST = 5
Places = dict[str, list[int | None]]
Row = dict[str, str]


def is_for_choosing(key: str) -> bool:
    """The half that weights and thresholds were chosen on."""
    return hashlib.sha256(key.encode()).digest()[0] % 2 == 0


@asynccontextmanager
async def product() -> AsyncIterator[Database]:
    """A migrated database and the model, without HTTP and without a worker."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-quality-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        await asyncio.to_thread(folder.chmod, 0o755)
        with EmbeddedPostgres(folder / "data", durable=False) as server:
            await asyncio.to_thread(migrate, server.url)
            install_wiring(Settings(_env_file=None, env="test", secret_key="x" * 40, data_dir=folder))
            database = Database(server.url, pool_size=4)
            yield database
            await database.dispose()


async def an_admin(database: Database) -> Principal:
    now = clock.now()
    user = User(
        id=new_id(), kind="user", name="A", email="a@example.test", role=Role.ADMIN, sees_organization=False,
        created_at=now, updated_at=now, version=1,
    )  # fmt: skip
    async with database.session() as session:
        session.add(user)
    return Principal(
        kind="user", user_id=user.id, role=Role.ADMIN, permissions=Principal.system().permissions, name="A"
    )


async def embed_all(database: Database) -> None:
    async for _ in jobs.embed_all(database):
        pass


async def publish(database: Database, author: UUID, articles: Sequence[RealArticle]) -> dict[UUID, RealArticle]:
    """Title and body; the summary is the question and stays out."""
    now, found = clock.now(), {}
    groups: dict[str, UUID] = {}
    async with database.session() as session:
        for one in sorted(articles, key=lambda one: (one.key, one.language)):
            identifier = new_id()
            original = groups.setdefault(one.key, identifier)
            article = Article(
                id=identifier, group_id=original, translation_of_id=None if original == identifier else original,
                language=ArticleLanguage(one.language), audience=ArticleAudience.PUBLIC, team_ids=[],
                status=ArticleStatus.PUBLISHED, author_id=author, owner_id=author, latest_number=1, published_number=1,
                review_interval_days=91, created_at=now, updated_at=now, public_updated_at=now,
            )  # fmt: skip
            version = ArticleVersion(
                article_id=identifier, number=1, title=one.title, body=one.body, body_html="", tags=[],
                created_by_id=author, created_at=now,
            )  # fmt: skip
            session.add(article)
            await session.flush()
            session.add(version)
            await session.flush()
            await keep_searchable(session, article, version)
            found[identifier] = one
    return found


async def rankings(reads: ReadSession, reader: Principal, text: str, languages: Sequence[str]) -> dict[str, list[UUID]]:
    """By each engine, and as served."""
    filters = ArticleFilters(language=languages)
    by_words = await rank(reads, reader, text, filters)
    meaning = await meaning_of(reads, text)
    assert meaning is not None
    near = await rank_by_meaning(reads, reader, meaning, filters)
    lists = {"words": by_words, "meaning": near, "both": fused(by_words, near)}
    return {name: [hit.id for hit in hits] for name, hits in lists.items()}


async def article_places(
    database: Database, reader: Principal, articles: dict[UUID, RealArticle], *, kept: Callable[[str], bool]
) -> dict[str, Places]:
    """Of each engine, by language: where the one right article came; `xx>en` asks in one and wants the English one."""
    right = {(one.key, one.language): id_ for id_, one in articles.items()}
    found: dict[str, Places] = defaultdict(lambda: defaultdict(list))
    async with database.reads() as reads:
        for one in articles.values():
            if not kept(one.key):
                continue
            asked = {one.language: one.language} | ({f"{one.language}>en": "en"} if one.language != "en" else {})
            for name, language in asked.items():
                wanted = right.get((one.key, language))
                if wanted is None:
                    continue
                for engine, ids in (await rankings(reads, reader, one.summary, [language])).items():
                    first = ids[:FIRST]
                    found[engine][name].append(first.index(wanted) if wanted in first else None)
    return found


def endava() -> list[Row]:
    if not ENDAVA.exists():
        return []
    csv.field_size_limit(sys.maxsize)
    with gzip.open(ENDAVA, "rt", encoding="utf-8", newline="") as lines:
        rows = {row["id"]: row for row in csv.DictReader(lines) if row["category"] and row["body"].strip()}
    return [rows[key] for key in sorted(rows)]


def is_question(row: Row) -> bool:
    return hashlib.sha256(row["id"].encode()).digest()[1] % 4 == 0


def text_of(row: Row) -> str:
    return f"{row['title']}\n{row['body']}".replace("\x00", "")


async def resolve_all(database: Database, requester: UUID, rows: Sequence[Row]) -> dict[UUID, str]:
    """Their categories, by the tickets that they became."""
    now, found = clock.now(), {}
    async with database.session() as session:
        for number, row in enumerate(rows):
            identifier = new_id()
            at = now - timedelta(minutes=len(rows) - number)
            session.add(
                Ticket(
                    id=identifier, type=TicketType.INCIDENT, number=1_000_000 + number, reference_prefix="INC",
                    subject=row["title"][:200] or "-", description=row["body"].replace("\x00", "")[:60_000],
                    description_html="", channel=Channel.PORTAL, requester_id=requester, submitter_id=requester,
                    priority=Priority.LOW, priority_source=PrioritySource.DEFAULT, status=TicketStatus.RESOLVED,
                    resolution_code=ResolutionCode.FIXED, resolution_text="-", resolved_at=at, tags=[],
                    collaborator_ids=[], custom_fields={}, internal_custom_fields={},
                    created_at=at, updated_at=at, public_updated_at=at, version=1, public_version=1,
                )
            )  # fmt: skip
            found[identifier] = row["category"]
    async with database.session() as session:
        with clock.frozen(now + timedelta(hours=1)):
            await words.learn(session, {})
    return found


async def ticket_precision(
    database: Database, agent: Principal, categories: dict[UUID, str], questions: Sequence[Row]
) -> dict[str, tuple[float, float]]:
    """Of each engine: how often the first similar ticket is of the same category, and what share of the first five."""
    found: dict[str, list[list[bool]]] = defaultdict(list)
    among = Among(TicketScope.RESOLVED)
    async with database.reads() as reads:
        for row in questions:
            text = text_of(row)
            said, meaning = await read_words(reads, text), await meaning_of(reads, text)
            engines = {
                "words": Asked(text, said, None),
                "meaning": Asked(text, [], meaning),
                "both": Asked(text, said, meaning),
            }
            for name, asked in engines.items():
                alike = await find_tickets(reads, agent, asked, among)
                found[name].append([categories[one.id] == row["category"] for one in alike[:FIRST]])
    return {name: precision(hits) for name, hits in found.items()}


def precision(hits: Sequence[Sequence[bool]]) -> tuple[float, float]:
    first = sum(one[0] for one in hits if one) / len(hits)
    return round(first, 3), round(sum(sum(one) for one in hits) / (FIRST * len(hits)), 3)


def ticket_baseline(known: Sequence[Row], questions: Sequence[Row]) -> tuple[float, float]:
    """TF-IDF with cosines."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(sublinear_tf=True)
    index = vectors.fit_transform([text_of(row) for row in known])
    alike: Any = vectors.transform([text_of(row) for row in questions]) @ index.T
    hits = []
    for row, scores in zip(questions, alike.toarray(), strict=True):
        best = scores.argsort()[::-1][:FIRST]
        hits.append([known[place]["category"] == row["category"] for place in best])
    return precision(hits)


async def article_figures(per_language: int | None = None) -> dict[str, dict[str, tuple[float, float]]]:
    """Recall at 1 and at 5 of the half that nothing was chosen on."""
    material = real_articles(per_language)
    async with product() as database:
        admin = await an_admin(database)
        articles = await publish(database, admin.user_id, material)
        await embed_all(database)
        places = await article_places(database, admin, articles, kept=lambda key: not is_for_choosing(key))
    figures = {engine: {name: shares(found) for name, found in sorted(of.items())} for engine, of in places.items()}
    return {"TF-IDF": half_baseline(material), **figures}


def half_baseline(articles: Sequence[RealArticle]) -> dict[str, tuple[float, float]]:
    """Of the same questions, over all articles."""
    return baseline(articles, kept=lambda one: not is_for_choosing(one.key))


async def ticket_figures(question_count: int = 400) -> dict[str, tuple[float, float]]:
    rows = endava()
    known = [row for row in rows if not is_question(row)]
    questions = [row for row in rows if is_question(row) and not is_for_choosing(row["id"])][:question_count]
    async with product() as database:
        agent = await an_admin(database)
        categories = await resolve_all(database, agent.user_id, known)
        await embed_all(database)
        served = await ticket_precision(database, agent, categories, questions)
    return {"TF-IDF": ticket_baseline(known, questions), **served}


def report() -> None:
    """Nothing where the material is not at hand."""
    if not endava() or not real_articles(1):
        return
    figures = asyncio.run(article_figures())
    embedder = current_embedder()
    print(f"Articles (recall at 1 / at 5), embeddings by {embedder.name if embedder else 'nobody'}")
    print(f"  {'':10}" + "".join(f"{name:>16}" for name in figures))
    for language in figures["both"]:
        cells = [of.get(language) for of in figures.values()]
        print(f"  {language:10}" + "".join(f"{f'{one[0]:.3f} / {one[1]:.3f}' if one else '-':>16}" for one in cells))
    print("Similar tickets (same category: the first / the first five)")
    for name, (first, among) in asyncio.run(ticket_figures()).items():
        print(f"  {name:10}{first:.3f} / {among:.3f}")
