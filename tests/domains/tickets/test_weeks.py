"""Of a word that many texts have, the weeks from where the page begins are looked in before all the others."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.text_search import entries_of, week_number, week_of
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.domains.tickets import full_text, policy, weeks
from helpdesk_api.domains.tickets.filters import Lead
from helpdesk_api.domains.tickets.pages import _led_read
from helpdesk_api.domains.tickets.ranking import Order
from helpdesk_api.domains.tickets.weeks import choose_weeks
from helpdesk_api.web.listing import CutShape
from tests.domains.tickets.test_budgets import Desk
from tests.domains.tickets.test_search import held, opened, walked

# A hundred stretches of a week each, in which equally many tickets were made.
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
STRETCHES = [BEGAN + timedelta(weeks=n) for n in range(101)]
OLD = datetime(2025, 6, 15, 12, tzinfo=UTC)


def named(chosen: Sequence[int]) -> list[str]:
    """Weeks begin on a Thursday, as 1970 did."""
    return [f"{date(1970, 1, 1) + timedelta(weeks=number):%a %m-%d}" for number in chosen]


def test_the_weeks_that_hold_a_share_of_all_tickets() -> None:
    # A Sunday.
    assert named(choose_weeks(STRETCHES, 0.02, OLD, descending=True)) == ["Thu 05-29", "Thu 06-05", "Thu 06-12"]
    assert named(choose_weeks(STRETCHES, 0.001, OLD, descending=True)) == ["Thu 06-05", "Thu 06-12"]
    assert named(choose_weeks(STRETCHES, 0.02, OLD, descending=False)) == ["Thu 06-12", "Thu 06-19", "Thu 06-26"]
    # A Thursday in Berlin: the week is the one in UTC.
    edge = datetime(2025, 6, 12, 0, 30, tzinfo=datetime.strptime("+02:00", "%z").tzinfo)
    assert named(choose_weeks(STRETCHES, 0.001, edge, descending=True))[-1] == "Thu 06-05"


def test_the_first_page_begins_with_the_newest_week() -> None:
    with clock.frozen(datetime(2025, 12, 31, 23, 30, tzinfo=UTC)):
        assert named(choose_weeks(STRETCHES, 0.01, None, descending=True))[-2:] == ["Thu 12-25", "Thu 01-01"]
        # Where the list begins is what statistics do not know.
        assert not choose_weeks(STRETCHES, 0.01, None, descending=False)


def test_all_is_looked_through_where_weeks_are_no_less() -> None:
    assert not choose_weeks((), 0.01, OLD, descending=True)
    assert not choose_weeks(STRETCHES, 0.9, OLD, descending=True)
    assert not choose_weeks(STRETCHES, 0.3, STRETCHES[80], descending=False)
    years = [BEGAN + timedelta(weeks=20 * n) for n in range(101)]
    assert not choose_weeks(years, 0.2, years[90], descending=True)
    assert len(choose_weeks(years, 0.01, years[90], descending=True)) == 21


@pytest.mark.parametrize("start", range(2_960, 2_969))
@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 60])
def test_entries_are_of_these_weeks_and_few(start: int, length: int) -> None:
    entries = entries_of(range(start, start + length))
    found = [number for number in range(2_900, 3_100) if not {number, 1_000_000 + number // 8}.isdisjoint(entries)]
    assert found == list(range(start, start + length))
    assert len(entries) <= length // 8 + 14


async def test_postgresql_counts_weeks_as_we_do(database: Database) -> None:
    # Wednesday ends a week, in UTC.
    ends = [datetime(2025, 6, 11, 23, 59, 59, 999_999, tzinfo=UTC) + timedelta(weeks=n) for n in range(10)]
    instants = [*ends, *(end + timedelta(microseconds=1) for end in ends)]
    given = sa.bindparam("instant", type_=UtcDateTime())
    read = CompiledStatement(sa.select(week_of(sa.cast(given, UtcDateTime()))))
    async with database.reads() as reads:
        for instant in instants:
            number = week_number(instant)
            assert await reads.fetch_value(read, {"instant": instant}) == [number, 1_000_000 + number // 8]


async def have_many_toners(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ten thousand texts had the word, over two years up to now."""
    now = clock.now()
    monkeypatch.setattr(weeks, "_times", held([now - timedelta(weeks=100 - n) for n in range(101)]))
    monkeypatch.setattr(full_text, "_frequencies", held({}))
    async with database.session() as session:
        word = "INSERT INTO search_words (word, seen_count, stems) VALUES ('toner', 10000, '{en:toner}')"
        await session.execute(sa.text(word))


async def test_the_pages_are_those_of_all_matches(
    database: Database,
    requester_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await have_many_toners(database, monkeypatch)
    ages = [0, 0, 0, 0, 3, 3, 4, 5, 40, 41, 42, 43, 44, 200, 400, 900]
    tickets = [await opened(requester_client, subject=f"Toner {n}" if n % 3 else f"Printer {n}") for n in range(16)]
    for n in (0, 3, 6, 9, 12, 15):
        said = {"body": f"No toner left on floor {n}."}
        assert (await admin_client.post(f"/v1/tickets/{tickets[n]['id']}/comments", json=said)).status_code == 201
    async with database.session() as session:
        for n, days in enumerate(ages):
            made = clock.now() - timedelta(days=days, minutes=n)
            of = {"made": made, "subject": tickets[n]["subject"]}
            await session.execute(sa.text("UPDATE tickets SET created_at = :made WHERE subject = :subject"), of)
        # What an earlier release wrote knows nothing of its ticket's time.
        known = (
            "UPDATE comments SET ticket_created_at = tickets.created_at FROM tickets"
            " WHERE tickets.id = ticket_id AND body NOT LIKE '%floor 6%' AND body NOT LIKE '%floor 15%'"
        )
        forgotten = "UPDATE comments SET ticket_created_at = NULL WHERE body LIKE '%floor 6%' OR body LIKE '%floor 15%'"
        await session.execute(sa.text(known))
        await session.execute(sa.text(forgotten))
    newest_first = [ticket["subject"] for ticket in tickets]
    assert await walked(requester_client, q="toner") == newest_first
    assert await walked(admin_client, query="toner", sort="created_at") == newest_first[::-1]
    assert await walked(admin_client, query="toner subject:Printer") == [newest_first[n] for n in (0, 3, 6, 9, 12, 15)]


async def test_a_page_that_the_newest_week_fills_costs_no_more_and_another_two_statements(
    own_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk(own_database, settings).prepared()
    await have_many_toners(own_database, monkeypatch)
    async with desk.client(desk.requester) as client:
        for n in range(4):
            await opened(client, subject=f"Toner {n}")

        async def search(**asked: str) -> int:
            return await desk.cost(lambda: client.get("/v1/tickets", params={"q": "toner", **asked}), 200)

        assert await search(limit="2") == 2
        assert await search(limit="4") == 4


async def test_how_words_are_read_is_not_planned_again_and_again(own_database: Database, settings: Settings) -> None:
    """Planning them takes longer than running them. PostgreSQL tries five plans before it keeps one for all."""
    desk = await Desk(own_database, settings).prepared()
    async with desk.client(desk.agent) as client:
        for n in range(12):
            assert (await client.get("/v1/tickets", params={"q": f"toner{n}"})).status_code == 200
    counted = sa.text(
        "SELECT custom_plans, statement FROM pg_prepared_statements WHERE generic_plans + custom_plans = 12"
    )
    async with own_database.reads() as reads:
        rows = [row for row in await reads.fetch(counted) if "websearch_to_tsquery" in row["statement"]]
    # What else may have been meant is asked within the caller's sight: of that statistics decide.
    assert [row["custom_plans"] for row in rows] == [5]


@pytest.mark.parametrize("descending", [True, False])
async def test_both_indexes_have_the_week_beside_the_words(database: Database, descending: bool) -> None:
    shape = policy.CallerShape(is_admin=True, is_staff=True, sees_organization=False)
    sort = "-created_at" if descending else "created_at"
    read = _led_read(shape, Lead(None, (), None), Order(sort), CutShape(25, False, None), by_week=True)
    async with database.session() as session:
        await session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        connection = await (await session.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        arguments = read.arguments(
            {"q": "'toner'", "weeks": entries_of(choose_weeks(STRETCHES, 0.01, OLD, descending=True))}
        )
        rows = await connection.driver_connection.fetch(f"EXPLAIN (FORMAT JSON) {read.sql}", *arguments)
    plan = str(rows[0][0])
    for table in ("tickets", "comments"):
        assert f"'Index Name': 'ix_{table}_search_by_weeks'" in plan
    assert len(re.findall(r"Index Cond.{,20}search @@ [^}]*&& ", plan)) == 2, plan
