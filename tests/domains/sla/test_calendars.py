"""Calendars over HTTP: hours, holidays, versions, and what cannot be."""

from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla import calendar_actions
from helpdesk_api.domains.sla.calendar_import import all_day_events
from helpdesk_api.domains.sla.calendar_models import CalendarVersion
from helpdesk_api.domains.sla.errors import TooManyDays
from helpdesk_api.domains.sla.holiday_dates import public_holidays
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

ALWAYS = "cal_00000000000070008000000000000247"
OFFICE = [
    {"day": day, "opens": opens, "closes": closes}
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    for opens, closes in (("09:00", "12:00"), ("13:00", "17:30"))
]
BERLIN: dict[str, Any] = {
    "name": "Berlin office",
    "time_zone": "Europe/Berlin",
    "weekly_hours": OFFICE,
    "holiday_regions": [{"country": "DE", "subdivision": "BE"}],
    "days": [{"date": "2026-12-24", "name": "Half day", "hours": [{"opens": "09:00", "closes": "12:00"}]}],
}


async def created(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/v1/calendars", json={**BERLIN, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


@pytest.mark.parametrize("language", ["de", "en_GB", "th", "C"])
def test_holidays_have_one_name_whatever_the_locale(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    assert public_holidays([("DE", "BE")], 2026)[date(2026, 10, 3)] == "German Unity Day"


async def test_hours_holidays_and_half_days_count(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    calendar = await created(admin_client)
    assert {"date": "2026-10-03", "name": "German Unity Day"} in calendar["current"]["holidays"]
    path = f"/v1/calendars/{calendar['id']}/working-time"
    spans = {
        # A week with no holiday; Christmas week with a half day and two holidays on weekdays.
        ("2026-06-15T00:00:00+02:00", "2026-06-22T00:00:00+02:00"): 37.5,
        ("2026-12-21T00:00:00+01:00", "2026-12-28T00:00:00+01:00"): 3 * 7.5 + 3,
        ("2026-06-15T00:00:00Z", "2026-06-14T00:00:00Z"): 0,
    }
    for (start, end), hours in spans.items():
        reply = await agent_client.get(path, params={"from": start, "to": end})
        assert reply.json()["working_seconds"] == hours * 3600, reply.text
    reply = await agent_client.get(f"{path}/add", params={"from": "2026-06-19T17:00:00+02:00", "seconds": 3600})
    assert reply.json()["at"] == "2026-06-22T07:30:00Z"


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        *[
            ({"time_zone": name}, "unknown_time_zone", "#/time_zone")
            for name in ("Mars/Olympus", "localtime", "Factory", "posixrules", "posix/Europe/Berlin")
        ],
        ({"weekly_hours": [], "days": []}, "never_open", "#/weekly_hours"),
        (
            {"weekly_hours": [*OFFICE, {"day": "monday", "opens": "11:00", "closes": "13:00"}]},
            "intervals_overlap",
            "#/weekly_hours/10",
        ),
        (
            {
                "weekly_hours": [
                    {"day": "sunday", "opens": "22:00", "closes": "06:00"},
                    {"day": "monday", "opens": "05:00", "closes": "09:00"},
                ]
            },
            "intervals_overlap",
            "#/weekly_hours/1",
        ),
        (
            {"weekly_hours": [{"day": "monday", "opens": "09:00", "closes": "09:00"}]},
            "interval_empty",
            "#/weekly_hours/0",
        ),
        ({"holiday_regions": [{"country": "XX"}]}, "unknown_region", "#/holiday_regions/0/country"),
        (
            {"holiday_regions": [{"country": "DE", "subdivision": "QQ"}]},
            "unknown_region",
            "#/holiday_regions/0/subdivision",
        ),
        ({"days": [BERLIN["days"][0], BERLIN["days"][0]]}, "date_repeated", "#/days/1/date"),
        ({"effective_from": "2020-01-01T00:00:00Z"}, "effective_date_in_past", "#/effective_from"),
    ],
)
async def test_what_cannot_be_is_said_where(
    admin_client: httpx.AsyncClient, change: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await admin_client.post("/v1/calendars", json={**BERLIN, **change})
    assert (reply.status_code, reply.json()["code"]) == (422, code)
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert [row["name"] for row in (await admin_client.get("/v1/calendars")).json()["data"]] == ["Around the clock"]


async def test_a_version_changes_what_comes_and_can_be_withdrawn_until_then(admin_client: httpx.AsyncClient) -> None:
    calendar = await created(admin_client)
    path = f"/v1/calendars/{calendar['id']}"
    hours = {name: BERLIN[name] for name in ("time_zone", "weekly_hours")}
    later = {**hours, "effective_from": "2027-01-01T00:00:00Z", "weekly_hours": OFFICE[:2]}
    added = await admin_client.post(f"{path}/versions", json=later)
    assert (added.status_code, added.json()["number"]) == (201, 2)
    twice = await admin_client.post(f"{path}/versions", json=later)
    assert (twice.status_code, twice.json()["code"]) == (409, "effective_date_taken")
    seen = (await admin_client.get(path)).json()
    assert (seen["versions"], seen["current"]["number"]) == ([1, 2], 1)
    span = {"from": "2027-01-04T00:00:00+01:00", "to": "2027-01-11T00:00:00+01:00"}
    assert (await admin_client.get(f"{path}/working-time", params=span)).json()["working_seconds"] == 7.5 * 3600
    held = (await admin_client.get(f"{path}/versions/2")).headers["etag"]
    assert (await admin_client.delete(f"{path}/versions/2")).status_code == 204
    # Whoever still holds that one shall not take the next for it.
    anew = await admin_client.post(f"{path}/versions", json={**later, "weekly_hours": OFFICE[:4]})
    assert (anew.status_code, anew.json()["number"]) == (201, 3)
    assert anew.headers["etag"] != held
    in_force = await admin_client.delete(f"{path}/versions/1")
    assert (in_force.status_code, in_force.json()["code"]) == (409, "calendar_version_in_force")
    assert (await admin_client.delete(f"{path}/versions/9")).json()["code"] == "calendar_version_not_found"


async def test_days_come_from_an_icalendar_file(admin_client: httpx.AsyncClient) -> None:
    calendar = await created(admin_client)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:test",
        "BEGIN:VEVENT",
        "UID:1",
        "DTSTART;VALUE=DATE:20260701",
        "DTEND;VALUE=DATE:20260703",
        "SUMMARY:Inventory",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:2",
        "DTSTART;VALUE=DATE:20260105",
        "RRULE:FREQ=YEARLY;COUNT=3",
        "SUMMARY:Away day",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:3",
        "DTSTART:20260801T100000Z",
        "SUMMARY:No whole day",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    body = {"icalendar": "\r\n".join(lines)}
    reply = await admin_client.post(f"/v1/calendars/{calendar['id']}/day-imports", json=body)
    assert reply.status_code == 201, reply.text
    closed = {day["date"] for day in reply.json()["days"] if not day["hours"]}
    assert closed == {"2026-07-01", "2026-07-02", "2026-01-05", "2027-01-05", "2028-01-05"}
    for broken in (
        "not a calendar",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:nonsense\r\nEND:VEVENT\r\nEND:VCALENDAR",
    ):
        refused = await admin_client.post(f"/v1/calendars/{calendar['id']}/day-imports", json={"icalendar": broken})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_icalendar")
    endless = body["icalendar"].replace("FREQ=YEARLY;COUNT=3", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30")
    refused = await admin_client.post(f"/v1/calendars/{calendar['id']}/day-imports", json={"icalendar": endless})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_icalendar")


async def test_days_that_an_older_release_took_are_read_and_taken_along(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    calendar = await created(admin_client)
    path = f"/v1/calendars/{calendar['id']}"
    older: list[dict[str, Any]] = [{"date": day, "name": "Odd", "hours": []} for day in ("0001-01-01", "3026-01-01")]
    async with database.session() as session:
        await session.execute(update(CalendarVersion).values(days=older))
    read = await admin_client.get(path)
    assert (read.status_code, read.json()["current"]["days"]) == (200, older)
    event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260701\r\nEND:VEVENT\r\n"
    body = {"icalendar": f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{event}END:VCALENDAR\r\n"}
    imported = await admin_client.post(f"{path}/day-imports", json=body)
    assert imported.status_code == 201, imported.text
    closed = {"date": "2026-07-01", "name": "Closed", "hours": []}
    assert imported.json()["days"] == [older[0], closed, older[1]]


async def test_days_are_closed_in_the_hours_that_count_now(admin_client: httpx.AsyncClient) -> None:
    calendar = await created(admin_client, effective_from="2126-01-01T00:00:00Z")
    path = f"/v1/calendars/{calendar['id']}"
    later = {
        "time_zone": "UTC",
        "weekly_hours": [{"day": "sunday", "opens": "01:00", "closes": "02:00"}],
        "effective_from": "2127-01-01T00:00:00Z",
    }
    assert (await admin_client.post(f"{path}/versions", json=later)).status_code == 201
    event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260701\r\nEND:VEVENT\r\n"
    body = {"icalendar": f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{event}END:VCALENDAR\r\n"}
    imported = await admin_client.post(f"{path}/day-imports", json=body)
    assert imported.status_code == 201, imported.text
    assert imported.json()["weekly_hours"] == calendar["current"]["weekly_hours"]


@pytest.mark.parametrize("written", [0, 86_400, "2026-01-01T00:00:00Z", "0001-01-01", "3026-01-01"])
async def test_a_day_is_written_in_one_form(admin_client: httpx.AsyncClient, written: Any) -> None:
    calendar = await created(admin_client)
    body = {
        "time_zone": "UTC",
        "weekly_hours": [{"day": "monday", "opens": "09:00", "closes": "17:00"}],
        "days": [{"date": written, "name": "Odd", "hours": []}],
    }
    refused = await admin_client.post(f"/v1/calendars/{calendar['id']}/versions", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), refused.text
    assert refused.json()["errors"][0]["pointer"] == "#/days/0/date"


async def test_what_is_built_in_or_in_use_stays(admin_client: httpx.AsyncClient) -> None:
    for reply in (
        await admin_client.delete(f"/v1/calendars/{ALWAYS}"),
        await admin_client.patch(f"/v1/calendars/{ALWAYS}", json={"name": "x"}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (409, "calendar_builtin")
    calendar = await created(admin_client)
    policy = {
        "name": "Office",
        "calendar_id": calendar["id"],
        "targets": [{"metric": "resolution", "priority": "high", "seconds": 3600}],
    }
    drafted = await admin_client.post("/v1/sla-policies", json=policy)
    assert drafted.status_code == 201
    used = await admin_client.delete(f"/v1/calendars/{calendar['id']}")
    assert (used.status_code, used.json()["code"]) == (409, "calendar_in_use")
    assert used.json()["params"]["policy_ids"] == [drafted.json()["id"]]
    free = await created(admin_client, name="Free")
    taken = await admin_client.patch(f"/v1/calendars/{free['id']}", json={"name": "berlin OFFICE"})
    assert (taken.status_code, taken.json()["code"]) == (409, "calendar_name_taken")
    assert (await admin_client.delete(f"/v1/calendars/{free['id']}")).status_code == 204
    archived = await admin_client.patch(f"/v1/calendars/{free['id']}", json={"name": "y"})
    assert archived.json()["code"] == "calendar_archived"
    policy |= {"name": "Late", "calendar_id": free["id"]}
    refused = (await admin_client.post("/v1/sla-policies", json=policy)).json()
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("calendar_archived", "#/calendar_id")


async def test_a_calendar_is_free_once_its_policies_count_in_another(admin_client: httpx.AsyncClient) -> None:
    calendar = await created(admin_client)
    targets = [{"metric": "resolution", "priority": "high", "seconds": 3600}]
    body = {"name": "Office", "calendar_id": calendar["id"], "targets": targets}
    policy = f"/v1/sla-policies/{(await admin_client.post('/v1/sla-policies', json=body)).json()['id']}"
    for change in (None, {"calendar_id": ALWAYS}):
        if change is not None:
            await admin_client.patch(policy, json=change)
            assert (await admin_client.delete(f"/v1/calendars/{calendar['id']}")).status_code == 409
        assert (await admin_client.post(f"{policy}/publish", json={})).status_code == 200
    assert (await admin_client.delete(f"/v1/calendars/{calendar['id']}")).status_code == 204


async def test_spans_and_amounts_have_bounds(admin_client: httpx.AsyncClient) -> None:
    now = clock.now().isoformat()
    path = f"/v1/calendars/{ALWAYS}/working-time"
    long = await admin_client.get(path, params={"from": "1971-01-01T00:00:00Z", "to": now})
    assert (long.status_code, long.json()["code"]) == (422, "span_too_long")
    days = [{"date": "2026-12-24", "name": "Once", "hours": [{"opens": "09:00", "closes": "10:00"}]}]
    once = await created(admin_client, name="Once", weekly_hours=[], days=days)
    spent = await admin_client.get(
        f"/v1/calendars/{once['id']}/working-time/add", params={"from": "2026-12-01T00:00:00Z", "seconds": 3601}
    )
    assert (spent.status_code, spent.json()["code"]) == (422, "no_working_time_left")


async def test_only_admins_write(supervisor_client: httpx.AsyncClient, as_user: AsUser, a_user: Make) -> None:
    del as_user, a_user
    assert (await supervisor_client.post("/v1/calendars", json=BERLIN)).status_code == 403


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("FREQ=DAILY;INTERVAL=0", "invalid_icalendar"),
        ("FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2,3;BYSECOND=0,30", "invalid_icalendar"),
        ("FREQ=DAILY", "too_many_days"),
        ("FREQ=YEARLY;BYMONTH=1,2,3,4,5,6;BYDAY=MO,TU,WE,TH,FR", "too_many_days"),
        ("FREQ=YEARLY", "too_many_days"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", None),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", None),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;COUNT=2", None),
        # What fits no day would be looked for up to the year 9999, whatever its end.
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "invalid_icalendar"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;UNTIL=20300101", "invalid_icalendar"),
        ("FREQ=WEEKLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30;COUNT=1", "invalid_icalendar"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU;COUNT=2", "invalid_icalendar"),
        # A count of less than nothing takes nothing off the others.
        ("FREQ=DAILY;COUNT=-100000", "too_many_days"),
    ],
)
async def test_a_rule_is_counted_before_it_is_laid_out(
    admin_client: httpx.AsyncClient, rule: str, code: str | None
) -> None:
    calendar = await created(admin_client)
    begins = "00010105" if rule == "FREQ=YEARLY" else "20260105"
    event = f"BEGIN:VEVENT\r\nUID:{{}}\r\nDTSTART;VALUE=DATE:{begins}\r\nRRULE:{rule}\r\nEND:VEVENT\r\n"
    events = "".join(event.format(n) for n in range(20))
    body = {"icalendar": f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{events}END:VCALENDAR\r\n"}
    reply = await admin_client.post(f"/v1/calendars/{calendar['id']}/day-imports", json=body)
    assert (reply.status_code, reply.json().get("code")) == ((422, code) if code else (201, None)), reply.text


def test_all_rules_of_a_file_together_are_looked_through_within_bounds() -> None:
    """Two days in a thousand years are quickly counted, and yet looked for day by day."""
    event = "BEGIN:VEVENT\r\nUID:{}\r\nDTSTART;VALUE=DATE:{:04}0301\r\nRRULE:{}\r\nEND:VEVENT\r\n"
    rule = "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;COUNT=2"
    events = "".join(event.format(year, year, rule) for year in range(1, 1_000, 40))
    with pytest.raises(TooManyDays):
        all_day_events(f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n", date(2016, 1, 1), date(2046, 1, 1), limit=9)


@pytest.mark.parametrize(
    "events",
    [
        "",
        "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260801T100000Z\r\nEND:VEVENT\r\n",
        # A day that the calendar has already.
        "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\n",
    ],
)
async def test_a_file_that_closes_no_day_makes_no_version(admin_client: httpx.AsyncClient, events: str) -> None:
    calendar = await created(admin_client)
    path = f"/v1/calendars/{calendar['id']}"
    body = {"icalendar": f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{events}END:VCALENDAR\r\n"}
    refused = await admin_client.post(f"{path}/day-imports", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "no_closed_days")
    assert refused.json()["errors"][0]["pointer"] == "#/icalendar"
    assert (await admin_client.get(path)).json()["versions"] == [1]


async def test_a_calendar_has_as_many_versions_as_it_can_show(
    admin_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_actions, "MAX_VERSIONS", 2)
    calendar = await created(admin_client)
    path = f"/v1/calendars/{calendar['id']}/versions"
    body = {name: BERLIN[name] for name in ("time_zone", "weekly_hours")}
    first = await admin_client.post(path, json={**body, "effective_from": "2100-01-01T00:00:00Z"})
    assert first.status_code == 201, first.text
    refused = await admin_client.post(path, json={**body, "effective_from": "2101-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_versions")
