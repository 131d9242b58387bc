"""The model against plain TF-IDF with a linear machine, on real tickets.

Rows are dealt into five parts by the hash of their text, so that the same text is never on both sides; each part is
guessed by what was learned from the other four. Both sides see the same rows.
"""

import csv
import gzip
import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpdesk_api.domains.classification.features import normalised
from helpdesk_api.domains.classification.learning import fit
from helpdesk_api.domains.classification.measures import Outcome, accuracy_at_coverage, measure
from helpdesk_api.domains.classification.model import softmax
from helpdesk_api.domains.classification.rules import Example
from tests.end_to_end.real_tickets import MATERIAL

PARTS = 5
COVERAGE = 0.7
BASELINES = ("LogisticRegression", "LinearSVC")


@dataclass(frozen=True)
class Source:
    """A file below the material, its column of subjects, and the columns that are guessed."""

    name: str
    subject: str
    fields: tuple[str, ...]

    @property
    def path(self) -> Path:
        return MATERIAL / "data" / self.name / "train.csv.gz"


SOURCES = (
    Source("endava-tickets", "title", ("ticket_type", "category", "urgency", "group")),
    Source("german-it-tickets", "subject", ("queue",)),
    Source("multilingual-tickets", "subject", ("queue",)),
)


def read(source: Source) -> list[Example]:
    csv.field_size_limit(sys.maxsize)
    with gzip.open(source.path, "rt", encoding="utf-8", newline="") as lines:
        return [
            Example(
                row["id"], row[source.subject], row["body"], {name: row[name] for name in source.fields if row[name]}
            )
            for row in csv.DictReader(lines)
        ]


def part_of(one: Example) -> int:
    text = normalised(one.subject, one.description)
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % PARTS


def split(examples: Sequence[Example]) -> Iterator[tuple[list[Example], list[Example]]]:
    for part in range(PARTS):
        held_back = [one for one in examples if part_of(one) == part]
        yield [one for one in examples if part_of(one) != part], held_back


def guessed(source: Source, examples: Sequence[Example]) -> tuple[dict[str, list[Outcome]], float]:
    """By field, of all examples; and the seconds of CPU that one guess of all fields takes."""
    found: dict[str, list[Outcome]] = {field: [] for field in source.fields}
    seconds = 0.0
    for training, held_back in split(examples):
        model = fit(training, source.fields)
        began = time.process_time()
        for one in held_back:
            guesses = model.predict(one.subject, one.description).guesses
            for field, truth in one.labels.items():
                guess = guesses.get(field)
                # No guess is a wrong one.
                found[field].append(Outcome(guess.value, truth, guess.confidence) if guess else Outcome("", truth, 0))
        seconds += time.process_time() - began
    return found, seconds / len(examples)


def plainly(kind: str, field: str, examples: Sequence[Example]) -> list[Outcome]:
    """TF-IDF of words and one linear machine, both as scikit-learn has them."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    found = []
    labelled = [one for one in examples if field in one.labels]
    for training, held_back in split(labelled):
        vectorizer = TfidfVectorizer()
        machine: Any = LogisticRegression(max_iter=1_000) if kind == "LogisticRegression" else LinearSVC()
        machine.fit(vectorizer.fit_transform(map(_text, training)), [one.labels[field] for one in training])
        matrix = vectorizer.transform(map(_text, held_back))
        values = machine.predict(matrix)
        scores = machine.decision_function(matrix)
        chances = softmax(scores).max(axis=1) if scores.ndim > 1 else 1 / (1 + 2.718281828 ** -abs(scores))
        if kind == "LogisticRegression":
            chances = machine.predict_proba(matrix).max(axis=1)
        found += [
            Outcome(str(value), one.labels[field], float(chance))
            for value, one, chance in zip(values, held_back, chances, strict=True)
        ]
    return found


def _text(one: Example) -> str:
    return f"{one.subject} {one.description}"


def report() -> None:
    """As a table in Markdown."""
    print("\nClassification, five parts by hash; @70 is the accuracy of the most confident 70 %\n")
    print("| data | field | tickets | by | accuracy | macro-F1 | @70 | ECE |")
    print("|---|---|---|---|---|---|---|---|")
    costs: list[str] = []
    for source in SOURCES:
        if not source.path.exists():
            print(f"| {source.name} | no material at HELPDESK_TEST_MATERIAL |")
            continue
        examples = read(source)
        learned, seconds = guessed(source, examples)
        costs.append(f"{source.name} {seconds * 1_000:.2f} ms")
        for field in source.fields:
            _line(source, field, "Helpdesk", learned[field])
            for kind in BASELINES:
                _line(source, field, f"TF-IDF + {kind}", plainly(kind, field, examples))
    print(f"\nCPU of one guess: {', '.join(costs)}")


def _line(source: Source, field: str, by: str, outcomes: Sequence[Outcome]) -> None:
    found = measure(outcomes, None)
    figures = (found.accuracy, found.macro_f1, accuracy_at_coverage(outcomes, COVERAGE), found.calibration_error)
    shown = " | ".join(f"{figure:.3f}" for figure in figures if figure is not None)
    print(f"| {source.name} | {field} | {found.count} | {by} | {shown} |", flush=True)
