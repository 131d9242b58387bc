"""Bodies of calendars."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from helpdesk_api.database.ids import CalendarId, UserId
from helpdesk_api.web.schemas import (
    Instant,
    LongText,
    Name,
    Page,
    RequestDay,
    RequestInstant,
    RequestModel,
    ResponseModel,
    ShortText,
)

MAX_INTERVALS, MAX_DAYS, MAX_REGIONS, MAX_VERSIONS = 70, 1_000, 10, 200
OpensAt = Annotated[str, StringConstraints(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosesAt = Annotated[str, StringConstraints(max_length=5, pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
TimeZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+\-/]+$")]
_FIRST_YEAR, _LAST_YEAR = 1000, 2999


def _within(value: date) -> date:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        code = "date_out_of_range"
        raise PydanticCustomError(code, "a day from 1000 to 2999 is expected")
    return value


DayText = Annotated[
    RequestDay,
    AfterValidator(_within),
    Field(json_schema_extra={"pattern": r"^[12]\d{3}-\d{2}-\d{2}$", "maxLength": 10}),
]

_CHRISTMAS_EVE = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261224\r\n"
    "SUMMARY:Christmas Eve\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class OpeningHours(RequestModel):
    """Local wall times. An end that is not after the start lies in the next day."""

    opens: OpensAt = Field(examples=["09:00"])
    closes: ClosesAt = Field(examples=["17:30"], description="`24:00` for midnight.")


class WeeklyHours(OpeningHours):
    """An interval of one weekday; a day may have several, and a night shift reaches into the next."""

    day: Weekday


class HolidayRegion(RequestModel):
    """Whose public holidays are closed days, by ISO 3166 codes."""

    country: str = Field(min_length=2, max_length=2, pattern="^[A-Z]{2}$", examples=["DE"])
    subdivision: str | None = Field(default=None, max_length=10, pattern="^[A-Z0-9]{1,10}$", examples=["BE"])


class CalendarDay(RequestModel):
    """A date with hours of its own; it wins over the week and over public holidays."""

    date: DayText
    name: ShortText
    hours: list[OpeningHours] = Field(max_length=10, description="None for a closed day.")


class CalendarVersionCreate(RequestModel):
    """Hours from an instant on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "time_zone": "Europe/Berlin",
                    "weekly_hours": [
                        {"day": "monday", "opens": "09:00", "closes": "12:00"},
                        {"day": "monday", "opens": "13:00", "closes": "17:30"},
                    ],
                    "holiday_regions": [{"country": "DE", "subdivision": "BE"}],
                }
            ]
        }
    )

    time_zone: TimeZoneName = Field(description="IANA name.", examples=["Europe/Berlin"])
    weekly_hours: list[WeeklyHours] = Field(max_length=MAX_INTERVALS)
    holiday_regions: list[HolidayRegion] = Field(default_factory=list, max_length=MAX_REGIONS)
    days: list[CalendarDay] = Field(default_factory=list, max_length=MAX_DAYS)
    effective_from: RequestInstant | None = Field(default=None, description="At once when left out or null.")


class CalendarCreate(CalendarVersionCreate):
    """A calendar with its first version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Berlin office",
                    "time_zone": "Europe/Berlin",
                    "weekly_hours": [{"day": "monday", "opens": "09:00", "closes": "17:30"}],
                    "holiday_regions": [{"country": "DE", "subdivision": "BE"}],
                }
            ]
        }
    )

    name: Name


class CalendarUpdate(RequestModel):
    """Its name; hours are changed by a new version."""

    name: Name


class DayImport(RequestModel):
    """An iCalendar file (RFC 5545): each day with an all-day event becomes a closed day."""

    icalendar: LongText = Field(examples=[_CHRISTMAS_EVE])
    effective_from: RequestInstant | None = Field(default=None, description="At once when left out or null.")


class KeptDay(ResponseModel):
    """A date with hours of its own, as it is kept: older releases took any year."""

    date: date
    name: str = Field(max_length=200)
    hours: list[OpeningHours] = Field(max_length=10, description="None for a closed day.")


class Holiday(ResponseModel):
    date: date
    name: str = Field(max_length=300)


class CalendarVersionRead(ResponseModel):
    """One version of a calendar's hours."""

    model_config = ConfigDict(title="CalendarVersion")

    number: int = Field(ge=1)
    effective_from: Instant
    time_zone: str = Field(max_length=64)
    weekly_hours: list[WeeklyHours] = Field(max_length=MAX_INTERVALS)
    holiday_regions: list[HolidayRegion] = Field(max_length=MAX_REGIONS)
    holidays: list[Holiday] = Field(
        max_length=3_000, description="The public holidays of its regions, as they were known when it was made."
    )
    days: list[KeptDay] = Field(max_length=MAX_DAYS)
    created_by_id: UserId | None
    created_at: Instant


class CalendarRead(ResponseModel):
    """Opening hours that clocks count in."""

    model_config = ConfigDict(title="Calendar")

    id: CalendarId
    name: str = Field(max_length=120)
    is_builtin: bool
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant
    current: CalendarVersionRead = Field(description="In force now.")
    versions: list[int] = Field(max_length=MAX_VERSIONS, description="Their numbers, oldest first.")


class CalendarSummary(ResponseModel):
    """A calendar as lists show it."""

    id: CalendarId
    name: str = Field(max_length=120)
    is_builtin: bool
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant


class CalendarPage(Page[CalendarSummary]):
    model_config = ConfigDict(title="CalendarPage")


class CalendarVersionPage(Page[CalendarVersionRead]):
    model_config = ConfigDict(title="CalendarVersionPage")


class WorkingTimeRead(ResponseModel):
    """Time between two instants."""

    model_config = ConfigDict(title="WorkingTime", populate_by_name=True)

    from_: Instant = Field(alias="from")
    to: Instant
    working_seconds: float = Field(ge=0)
    calendar_seconds: float = Field(ge=0)


class DeadlineRead(ResponseModel):
    """The instant by which so much working time has passed."""

    model_config = ConfigDict(title="WorkingTimeDeadline", populate_by_name=True)

    from_: Instant = Field(alias="from")
    seconds: int = Field(ge=0)
    at: Instant
