"""A desk whose tickets tell printers from the network, and a model that learned it once for all of these tests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.classification import state
from helpdesk_api.domains.classification.enums import TrainingOutcome
from helpdesk_api.domains.classification.languages import detect
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.rules import Example
from helpdesk_api.domains.classification.state import CLASSIFICATION, engine_within
from helpdesk_api.domains.teams.models import Team
from tests.factories.records import make_category, make_team

if TYPE_CHECKING:
    from helpdesk_api.domains.classification.model import LearnedModel

NIGHT = datetime(2026, 12, 1, 2, 30, tzinfo=UTC)
PRINTER: dict[str, Any] = {
    "subject": "The printer prints blank pages",
    "description": "Since today: toner empty, paper jam.",
}
FIELDS = ["type", "category", "priority", "team"]
_TROUBLES = {
    "printing": ["toner empty", "paper jam", "printer prints blank pages", "scanner offline", "Drucker druckt nicht"],
    "network": ["vpn drops", "wifi is slow", "no network cable signal", "dns does not answer", "Netzwerk fällt aus"],
}
_WHERE = ["on floor", "in room", "at the desk near", "beside the kitchen", "in building"]


def learn(header: dict[str, Any], given: list[Example]) -> tuple[dict[str, Any], bytes]:
    """scikit-learn takes seconds to import: it is for who runs these tests, not for all that collect them."""
    from helpdesk_api.domains.classification import lesson

    return lesson.learn(header, given)


def examples(of: Callable[[str, str], str] = lambda field, kind: f"{field}-{kind}", count: int = 120) -> list[Example]:
    """Texts of two kinds; `of` gives the value of a field for each kind."""
    made = []
    for number in range(count):
        kind = ("printing", "network")[number % 2]
        trouble = _TROUBLES[kind][number // 2 % 5]
        where = f"{_WHERE[number // 10 % 5]} {'abcdefghijklmnop'[number % 16]}{'qrstuvw'[number % 7]}"
        labels = {field: of(field, kind) for field in FIELDS}
        made.append(Example(f"{number:032x}", f"{trouble} {where}", f"Since today: {trouble}. Please help.", labels))
    return made


_LOADED: dict[bytes, "LearnedModel"] = {}


@dataclass(frozen=True)
class Learned:
    """A model of two categories and teams that exist, as a file with its checksum."""

    printing: Category
    network: Category
    printers: Team
    routers: Team
    content: bytes
    report: dict[str, Any]

    async def activate(self, database: Database, *, content: bytes | None = None, sha256: str | None = None) -> None:
        from helpdesk_api.domains.classification import files

        used = self.content if content is None else content
        async with database.session() as session:
            session.add(
                ClassificationModel(
                    number=1,
                    outcome=TrainingOutcome.ACTIVATED,
                    is_active=True,
                    trained_at=clock.now(),
                    trained_on=self.report["trained_on"],
                    measured_on=self.report["measured_on"],
                    measures={"fields": self.report["fields"]},
                    content=used,
                    sha256=sha256 or files.checksum(used),
                )
            )
            await invalidate(session, CLASSIFICATION)
        # As a process that has opened a ticket before: the first one need not wait for scikit-learn. To open the same
        # file in another process again and again would take seconds of a core each time.
        before = _LOADED.get(used)
        if before is not None and sha256 is None:
            state._process.sha256, state._process.number, state._process.model = files.checksum(used), 1, before
            state._process.failure = None
        async with database.session() as session:
            await engine_within(session)
        if state._process.model is not None and state._process.sha256 == files.checksum(used):
            _LOADED[used] = state._process.model


PRINTING, NETWORK, PRINTERS, ROUTERS = (new_id() for _ in range(4))
_VALUES = {
    ("type", "printing"): "service_request",
    ("type", "network"): "incident",
    ("category", "printing"): public_id("cat", PRINTING),
    ("category", "network"): public_id("cat", NETWORK),
    ("priority", "printing"): "medium",
    ("priority", "network"): "high",
    ("team", "printing"): public_id("tea", PRINTERS),
    ("team", "network"): public_id("tea", ROUTERS),
}


@pytest.fixture(scope="session", autouse=True)
def _libraries_are_loaded() -> None:
    """As in a process that has read a text before: who writes the first one goes on without after a second."""
    assert detect("Is this a text in English? I should say so.") == "en"


@pytest.fixture(scope="session")
def learned_once() -> tuple[dict[str, Any], bytes]:
    header = {"fields": FIELDS, "thresholds": dict.fromkeys(FIELDS, 0.8)}
    return learn(header, examples(lambda field, kind: _VALUES[field, kind]))


@pytest.fixture
async def learned(database: Database, learned_once: tuple[dict[str, Any], bytes]) -> Learned:
    report, content = learned_once
    return Learned(
        printing=await make_category(database, id=PRINTING, name="Printing"),
        network=await make_category(database, id=NETWORK, name="Network"),
        printers=await make_team(database, id=PRINTERS, name="Printers"),
        routers=await make_team(database, id=ROUTERS, name="Routers"),
        content=content,
        report=report,
    )
