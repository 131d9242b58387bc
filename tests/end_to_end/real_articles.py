"""Real articles in seven languages, imported over HTTP and searched by their summaries, which are not imported.

`python -m tests.end_to_end.real_articles` starts the product, imports all of them, and prints recall by language beside
that of TF-IDF with cosines, computed in the same run.
"""

import asyncio
import gzip
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.end_to_end.desk import sign_in
from tests.end_to_end.real_tickets import MATERIAL
from tests.end_to_end.served import served

FILE = MATERIAL / "data" / "kb-gnome-help" / "articles.jsonl.gz"
CLIENTS = 4
_WORD = re.compile(r"\w\w+")


@dataclass(frozen=True)
class RealArticle:
    """One page in one language; `key` is the same in all of them."""

    key: str
    language: str
    title: str
    summary: str
    body: str


def real_articles(per_language: int | None = None) -> list[RealArticle]:
    """The first of each language by their key, or all; none where the material is not at hand."""
    if not FILE.exists():
        return []
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    kept: Counter[str] = Counter()
    found = []
    for row in sorted(rows, key=lambda row: (row["lang"], row["id"])):
        kept[row["lang"]] += 1
        if row["summary"] and row["body"] and (per_language is None or kept[row["lang"]] <= per_language):
            found.append(RealArticle(row["id"], row["lang"], row["title"][:200], row["summary"][:400], row["body"]))
    return found


async def publish(client: httpx.AsyncClient, article: RealArticle) -> tuple[str, RealArticle]:
    """Title and body; the summary is the question and stays out."""
    body = {
        "title": article.title,
        "body": article.body,
        "language": article.language,
        "audience": "requesters",
        "external_source": "gnome-help",
        "external_id": f"{article.key}:{article.language}",
    }
    made = await client.post("/v1/articles", json=body)
    assert made.status_code == 201, made.text
    identifier: str = made.json()["id"]
    published = await client.post(f"/v1/articles/{identifier}/publish", json={})
    assert published.status_code == 200, published.text
    return identifier, article


async def recall(
    client: httpx.AsyncClient, imported: dict[str, RealArticle], *, in_language: bool
) -> dict[str, tuple[float, float]]:
    """Of each language: how often the one right article comes first, and how often among the first five."""
    places: dict[str, list[int | None]] = defaultdict(list)
    for identifier, article in imported.items():
        asked = {"q": article.summary, "limit": "5"} | ({"language": article.language} if in_language else {})
        reply = await client.get("/v1/articles", params=asked)
        assert reply.status_code == 200, reply.text
        ids = [one["id"] for one in reply.json()["data"]]
        places[article.language].append(ids.index(identifier) if identifier in ids else None)
    return {language: shares(found) for language, found in sorted(places.items())}


def shares(places: Sequence[int | None]) -> tuple[float, float]:
    first = sum(place == 0 for place in places)
    among = sum(place is not None for place in places)
    return round(first / len(places), 3), round(among / len(places), 3)


def baseline(
    articles: Sequence[RealArticle], *, kept: Callable[[RealArticle], bool] = lambda _: True
) -> dict[str, tuple[float, float]]:
    """TF-IDF with cosines over title and body, each language by itself; asked for by those that are kept."""
    found = {}
    for language in sorted({article.language for article in articles}):
        own = [article for article in articles if article.language == language]
        texts = [Counter(_WORD.findall(f"{article.title} {article.body}".lower())) for article in own]
        having = Counter(word for text in texts for word in text)
        vectors = [_vector(text, having, len(own)) for text in texts]
        places: list[int | None] = []
        for number, article in enumerate(own):
            if not kept(article):
                continue
            asked = _vector(Counter(_WORD.findall(article.summary.lower())), having, len(own))
            scores = [sum(worth * vector.get(word, 0.0) for word, worth in asked.items()) for vector in vectors]
            best = sorted(range(len(own)), key=lambda place: -scores[place])[:5]
            places.append(best.index(number) if number in best else None)
        found[language] = shares(places)
    return found


def _vector(words: Counter[str], having: Counter[str], count: int) -> dict[str, float]:
    worth = {
        word: (1 + math.log(often)) * (math.log((1 + count) / (1 + having[word])) + 1)
        for word, often in words.items()
        if word in having
    }
    length = math.sqrt(sum(value * value for value in worth.values())) or 1.0
    return {word: value / length for word, value in worth.items()}


async def run(url: str, articles: Sequence[RealArticle]) -> dict[str, Any]:
    async with await sign_in(url, "edda@tarnwick.example.com", "keys-to-the-bakery") as client:
        imported: dict[str, RealArticle] = {}
        for start in range(0, len(articles), CLIENTS):
            made = await asyncio.gather(*(publish(client, one) for one in articles[start : start + CLIENTS]))
            imported |= dict(made)
        return {
            "in the language": await recall(client, imported, in_language=True),
            "over all languages": await recall(client, imported, in_language=False),
            "TF-IDF": baseline(articles),
        }


def main() -> None:
    articles = real_articles()
    with served(HELPDESK_RATE_LIMIT_PER_MINUTE="1000000") as product:
        for name, found in asyncio.run(run(product.url, articles)).items():
            print(name)
            for language, (first, among) in found.items():
                print(f"  {language:6} recall@1 {first:.3f}  recall@5 {among:.3f}")


if __name__ == "__main__":
    main()
