"""What is learned, what replaces what, and what comes of too little; the learner runs as the process that it is."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import typer
from sqlalchemy import func, select, update

from helpdesk_api import cli
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import TicketType
from helpdesk_api.domains.classification import jobs, training, wording
from helpdesk_api.domains.classification.children import ChildFailed
from helpdesk_api.domains.classification.enums import TrainingOutcome
from helpdesk_api.domains.classification.examples import read_examples
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.rules import Example
from helpdesk_api.domains.tickets.enums import ResolutionCode, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import open_ticket
from helpdesk_api.domains.tickets.schemas import TicketCreate
from tests.domains.classification.conftest import FIELDS, NIGHT, PRINTER, Learned, examples, learn
from tests.end_to_end.served import is_alive
from tests.factories.records import make_category, make_ticket, make_user, principal_of

HEADER: dict[str, Any] = {"fields": FIELDS, "thresholds": {}}


def lines(of: list[Example]) -> list[list[Any]]:
    return [[one.id, one.subject, one.description, one.labels] for one in of]


@pytest.mark.parametrize(
    "given",
    [
        [],
        examples()[:10],
        examples(lambda field, kind: "always"),
        [Example("1", "?!", "…", {"type": kind}) for kind in ("incident", "service_request") * 40],
    ],
    ids=["empty", "too few", "one value", "no words"],
)
def test_too_little_is_a_clear_outcome(given: list[Example]) -> None:
    report, content = learn(HEADER, given)
    assert (report["outcome"], content) == ("nothing_to_learn", b"")


def test_a_field_of_one_value_is_left_out_and_the_others_are_learned() -> None:
    from helpdesk_api.domains.classification import files

    report, content = learn(HEADER, examples(lambda field, kind: "incident" if field == "type" else f"{field}_{kind}"))
    assert report["outcome"] == "activated"
    assert set(report["fields"]) == {"category", "priority", "team"}
    model = files.from_bytes(content, report["sha256"])
    guess = model.predict(PRINTER["subject"], PRINTER["description"]).guesses["category"]
    assert guess.value == "category_printing"
    # No word of it is known, so there is no reason to think anything.
    assert model.predict("xyzzy", "qwertz").guesses == {}


def test_a_confidence_is_what_is_kept_of_it() -> None:
    from helpdesk_api.domains.classification import files

    report, content = learn(HEADER, examples())
    model = files.from_bytes(content, report["sha256"])
    subjects = ("printer vpn", "paper", "the wifi drops paper", "help in room", "network scanner slow toner")
    guesses = [guess for one in subjects for guess in model.predict(one, "Please help.").guesses.values()]
    # Rounded up, one would be told as having reached a threshold that it did not.
    assert {guess.confidence for guess in guesses} == {round(guess.confidence, 4) for guess in guesses}


def test_nothing_that_is_measured_was_learned() -> None:
    of = examples()
    held_back = [one for one in of if one.is_held_back]
    assert 0 < len(held_back) < len(of) / 2
    report, _ = learn(HEADER, of)
    assert (report["trained_on"], report["measured_on"]) == (len(of) - len(held_back), len(held_back))
    assert report["fields"]["category"]["accuracy"] == 1.0


def test_it_replaces_the_old_one_only_if_it_is_better() -> None:
    worse = examples(lambda field, kind: f"{field}-{kind}", 60)
    swapped = [
        Example(one.id, one.subject, one.description, {**one.labels, "category": f"category-{number % 2}"})
        for number, one in enumerate(worse)
    ]
    report, content = learn(HEADER, swapped)
    old = {"old": base64.b64encode(content).decode(), "old_sha256": report["sha256"]}
    again, kept = learn({**HEADER, **old}, swapped)
    assert (again["outcome"], kept) == ("not_better", b"")
    better, _ = learn({**HEADER, **old}, examples(lambda field, kind: f"new-{field}-{kind}"))
    assert (better["outcome"], better["score_before"]) == ("activated", 0.0)
    broken, _ = learn({**HEADER, "old": base64.b64encode(b"x").decode(), "old_sha256": "0"}, swapped)
    assert broken["outcome"] == "activated"


def test_models_are_compared_over_the_fields_that_both_know() -> None:
    """The category is guessed badly, the type well."""
    both = [
        replace(one, labels={"type": one.labels["type"], "category": f"category-{number // 2 % 3}"})
        for number, one in enumerate(examples())
    ]
    few, content = learn({**HEADER, "fields": ["type"]}, both)
    more, everything = learn(HEADER, both)
    assert more["fields"]["category"]["accuracy"] < 1.0 == more["fields"]["type"]["accuracy"]
    old = {"old": base64.b64encode(content).decode(), "old_sha256": few["sha256"]}
    gained, _ = learn({**HEADER, **old}, both)
    assert (gained["outcome"], gained["score"], gained["score_before"]) == ("activated", 1.0, 1.0)
    old = {"old": base64.b64encode(everything).decode(), "old_sha256": more["sha256"]}
    lost, _ = learn({**HEADER, **old, "fields": ["type"]}, both)
    assert lost["outcome"] == "not_better"


def test_it_forgets_what_stands_in_no_text_any_more() -> None:
    from helpdesk_api.domains.classification import files

    clean = examples()
    number = next(number for number, one in enumerate(clean) if not one.is_held_back)
    pasted = replace(clean[number], description=f"{clean[number].description} My password is Zwetschge-Quarz.")
    report, content = learn(HEADER, [*clean[:number], pasted, *clean[number + 1 :]])
    assert "zwetschge" in files.from_bytes(content, report["sha256"]).words.places
    old = {"old": base64.b64encode(content).decode(), "old_sha256": report["sha256"]}
    again, kept = learn({**HEADER, **old}, clean)
    assert again["outcome"] == "not_better", "it stays in use, and forgets"
    before, after = files.from_bytes(content, report["sha256"]), files.from_bytes(kept, again["sha256"])
    gone = before.words.places.keys() - after.words.places.keys()
    assert {"zwetschge", "quarz", "zwetschge quarz"} <= gone
    assert not any("schg" in piece for piece in after.pieces.places)
    for one in clean[:6]:
        first, second = (model.predict(one.subject, one.description) for model in (before, after))
        assert first.guesses == second.guesses
        assert [key for key, _ in first.nearest] == [key for key, _ in second.nearest]


@pytest.mark.timeout(600)
async def test_the_process_learns_and_the_result_is_kept(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    """With hardly more tickets than it takes."""
    from helpdesk_api.domains.classification import files

    for one in examples(count=56):
        is_printing = one.labels["category"].endswith("printing")
        category = learned.printing if is_printing else learned.network
        await make_ticket(database, subject=one.subject, description=one.description, category_id=category.id)
    async with database.session() as session:
        made = await training.train(session)
    assert made is not None
    assert (made.outcome, made.is_active, made.number) == (TrainingOutcome.ACTIVATED, True, 1)
    # Whoever asks what sorts tickets waits until it is loaded; who opens one does not.
    said = (await admin_client.get("/v1/classification")).json()
    assert (said["engine"], said["training"]["number"]) == ("model", 1)
    guesses: list[dict[str, Any]] = []
    async with asyncio.timeout(120):
        while not guesses:
            reply = await admin_client.post("/v1/tickets", json=PRINTER)
            guesses = (await admin_client.get(f"/v1/tickets/{reply.json()['id']}/classification")).json()["guesses"]
    (guess,) = guesses
    assert (guess["field"], guess["value"]) == ("category", public_id("cat", learned.printing.id))
    # What is taken out of the texts is forgotten with the next training, also by a model that stays.
    async with database.session() as session:
        taken = func.replace(Ticket.description, "toner empty", "")
        await session.execute(update(Ticket).values(description=taken, subject=func.left(Ticket.subject, 11)))
    async with database.session() as session:
        made = await training.train(session)
    assert made is not None
    async with database.session() as session:
        active = select(ClassificationModel.content, ClassificationModel.sha256).where(ClassificationModel.is_active)
        (content, sha256) = (await session.execute(active)).one()
        assert "toner empty" not in files.from_bytes(content or b"", sha256 or "").words.places


def test_of_a_database_that_was_never_migrated_it_says_so(
    server_url: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never(_: Database) -> None:
        pytest.fail("nothing can be learned from it")

    with pytest.raises(typer.Exit):
        cli._with_database(settings.model_copy(update={"database_url": server_url}), never)
    assert "never migrated" in capsys.readouterr().err


async def test_once_a_night_it_is_tried(database: Database, admin_client: httpx.AsyncClient) -> None:
    with clock.frozen(NIGHT) as moment:
        for hours in (0, 1, 20, 3):
            moment.advance(hours=hours)
            async with database.session() as session:
                await jobs.train_at_night(session, {})
    trainings = (await admin_client.get("/v1/classification/report")).json()["trainings"]
    assert [(one["number"], one["outcome"], one["is_active"]) for one in trainings] == [
        (2, "nothing_to_learn", False),
        (1, "nothing_to_learn", False),
    ]


async def test_the_model_in_use_stays_however_many_trainings_follow(learned: Learned, database: Database) -> None:
    await learned.activate(database)
    vain = {"outcome": TrainingOutcome.NOTHING_TO_LEARN, "trained_at": NIGHT, "trained_on": 0, "measured_on": 0}
    async with database.session() as session:
        for number in (2, training.KEPT_TRAININGS + 2):
            session.add(ClassificationModel(number=number, is_active=False, measures={}, **vain))
    async with database.session() as session:
        await training.train(session)
        kept = await session.scalars(select(ClassificationModel.number).order_by(ClassificationModel.number))
        assert list(kept) == [1, training.KEPT_TRAININGS + 2, training.KEPT_TRAININGS + 3]


async def test_by_day_nothing_is_learned(database: Database) -> None:
    with clock.frozen(NIGHT.replace(hour=12)):
        async with database.session() as session:
            await jobs.train_at_night(session, {})
            assert await session.get(ClassificationModel, 1) is None


@pytest.mark.timeout(600)
async def test_a_learner_that_dies_is_said_and_changes_nothing() -> None:
    with pytest.raises(ChildFailed):
        await training.run_learner(HEADER, [["not", "an example"]])
    failed = ClassificationModel(
        number=3, outcome=TrainingOutcome.FAILED, trained_on=0, measures={"problem": "exit status 9"}
    )
    assert list(wording.told(failed)) == ["The training failed; nothing changed.", "exit status 9"]


async def test_what_counts_as_said_by_people(learned: Learned, database: Database) -> None:
    """What the model decided, or nobody, counts once somebody has settled the ticket or set another value."""
    other = await make_category(database)
    opener = await principal_of(database, await make_user(database))
    async with database.session() as session:
        unguessed = [await open_ticket(session, database, opener, TicketCreate(**PRINTER)) for _ in range(2)]
    await learned.activate(database)
    resolved = {"status": TicketStatus.RESOLVED, "resolution_code": ResolutionCode.FIXED}
    untouched = await make_ticket(database, **PRINTER)
    corrected = await make_ticket(database, **PRINTER)
    settled = await make_ticket(database, **PRINTER)
    by_hand = {"category_id": other.id, "type": TicketType.SERVICE_REQUEST}
    for ticket, values in ((corrected, {"category_id": other.id}), (settled, resolved), (unguessed[0], by_hand)):
        async with database.session() as session:
            held = await session.get_one(type(ticket), ticket.id)
            for name, value in values.items():
                setattr(held, name, value)
    gone = await make_ticket(database, category_id=other.id, status=TicketStatus.CANCELLED)
    async with database.session() as session:
        found = {key: labels for key, _, _, labels in await read_examples(session)}
    assert "category" not in found.get(untouched.id.hex, {})
    assert found[corrected.id.hex]["category"] == public_id("cat", other.id)
    assert found[settled.id.hex]["category"] == public_id("cat", learned.printing.id)
    assert gone.id.hex not in found
    assert found[unguessed[0].id.hex] == {"category": public_id("cat", other.id), "type": "service_request"}
    assert unguessed[1].id.hex not in found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_process_that_learns_ends_with_whoever_waits_for_it() -> None:
    reads, writes = os.pipe()
    learner = [sys.executable, "-m", "helpdesk_api.domains.classification.learner"]
    waits = f"import subprocess; a = subprocess.Popen({learner}, stdin={reads}); print(a.pid, flush=True); a.wait()"
    with subprocess.Popen([sys.executable, "-c", waits], pass_fds=(reads,), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        process_id = int(parent.stdout.readline())
        # It is kind to others from when it is ready to read; what it reads does not end, so neither does it.
        own = os.getpriority(os.PRIO_PROCESS, 0)
        within_a_minute(lambda: os.getpriority(os.PRIO_PROCESS, process_id) > own)
        parent.kill()
    within_a_minute(lambda: not is_alive(process_id))
    os.close(writes)
    os.close(reads)


def within_a_minute(condition: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it goes on")
