"""Real tickets, read in place: chosen by their own hashes, so that every run takes the same ones."""

import csv
import gzip
import os
import sys
from dataclasses import dataclass
from pathlib import Path

MATERIAL = Path(os.environ.get("HELPDESK_TEST_MATERIAL", Path(__file__).parents[3] / "shared"))
_ENDAVA = MATERIAL / "data" / "endava-tickets" / "train.csv.gz"
_GERMAN = MATERIAL / "data" / "german-it-tickets" / "train.csv.gz"
_SUBJECT, _BODY = 200, 60_000


@dataclass(frozen=True)
class RealTicket:
    """One row: `key` is the file's own hash of it; `queue` is the file's group or queue."""

    key: str
    subject: str
    body: str
    queue: str
    source: str


def real_tickets(count: int) -> list[RealTicket]:
    """Two thirds English, one third German where the material is at hand; otherwise as many generated ones."""
    if not (_ENDAVA.exists() and _GERMAN.exists()):
        return [_generated(number) for number in range(count)]
    csv.field_size_limit(sys.maxsize)
    german = _rows(_GERMAN, "subject", "queue", "german-it")[: count // 3]
    english = _rows(_ENDAVA, "title", "group", "endava")[: count - len(german)]
    return sorted([*english, *german], key=lambda ticket: ticket.key)


def _rows(path: Path, subject: str, queue: str, source: str) -> list[RealTicket]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        found = [
            RealTicket(
                key=row["id"],
                subject=(row[subject] or row["body"]).replace("\x00", "").strip()[:_SUBJECT].strip() or "(no subject)",
                body=(row["body"] or row[subject]).replace("\x00", "").strip()[:_BODY] or "(no text)",
                queue=row[queue] or "Unknown",
                source=source,
            )
            for row in csv.DictReader(lines)
        ]
    return sorted({ticket.key: ticket for ticket in found}.values(), key=lambda ticket: ticket.key)


def _generated(number: int) -> RealTicket:
    words = ["printer", "VPN", "Passwort", "mailbox", "Drucker", "laptop", "Zugriff"]
    word = words[number % len(words)]
    return RealTicket(
        key=f"{number:012x}",
        subject=f"{word} trouble {number}",
        body=f"The {word} is *not* working. Es geht nicht. {number}",
        queue=word,
        source="generated",
    )
