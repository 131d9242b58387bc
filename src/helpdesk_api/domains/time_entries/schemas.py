"""Bodies of the time operations. Durations are seconds, money is whole minor units such as cents."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import TeamId, TicketId, TimeEntryId, UserId
from helpdesk_api.domains.tickets.sharing import Allowances
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Flag,
    Instant,
    OptionalText,
    Page,
    RequestDay,
    RequestModel,
    ResponseModel,
    absent,
)

MAX_SECONDS = 86_400
MAX_RATE = 10_000_000
MAX_RATES = 1_000
_Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS), WHOLE_NUMBER]
_Rate = Annotated[int, Field(ge=0, le=MAX_RATE), WHOLE_NUMBER]
_Currency = Annotated[str, StringConstraints(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$")]
_BILLABLE = "Whether it is charged; true when left out."


class TimeEntryCreate(RequestModel):
    """One's own time, after the fact."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"seconds": 1800, "note": "Replaced the certificate.", "is_billable": True}]}
    )

    seconds: _Seconds = Field(description="At most a day.")
    worked_on: RequestDay | None = Field(default=None, description="The day in UTC; today when left out.")
    note: OptionalText | None = None
    is_billable: Flag = Field(default=True, description=_BILLABLE)


class TimerStart(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Looking into it."}]})

    note: OptionalText | None = None
    is_billable: Flag = Field(default=True, description=_BILLABLE)


class TimerStop(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class TimeEntryUpdate(RequestModel):
    """JSON merge patch (RFC 7396). The rate stays that of the day when it was made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seconds": 2700}]})

    seconds: _Seconds = absent()
    worked_on: RequestDay = absent()
    note: OptionalText | None = absent()
    is_billable: Flag = absent()


class TimeEntryRead(ResponseModel):
    """Time that somebody spent on a ticket."""

    model_config = ConfigDict(title="TimeEntry")

    id: TimeEntryId
    ticket_id: TicketId
    user_id: UserId
    worked_on: date
    seconds: int | None = Field(ge=0, description="Null while the timer runs.")
    started_at: Instant | None = Field(description="When its timer was started.")
    note: str | None = Field(max_length=500)
    is_billable: bool
    hourly_rate: int | None = Field(ge=0, description="Minor units of the currency; null without a rate.")
    cost: int | None = Field(ge=0, description="Minor units; null without a rate, or while the timer runs.")
    currency: str | None = Field(max_length=3)
    created_at: Instant
    updated_at: Instant
    allowed_actions: Allowances


class TimeEntryPage(Page[TimeEntryRead]):
    """The caller's time entries, newest first."""


class TimeCost(ResponseModel):
    """What it costs in one currency."""

    currency: str = Field(max_length=3)
    cost: int = Field(ge=0, description="Minor units.")
    billable_cost: int = Field(ge=0)


class TimeTotals(ResponseModel):
    """Over all entries of the ticket whose timer does not run."""

    seconds: int = Field(ge=0)
    billable_seconds: int = Field(ge=0)
    costs: list[TimeCost] = Field(max_length=200, description="One for each currency; of what has a rate.")


class TicketTimePage(Page[TimeEntryRead]):
    """A ticket's time entries, newest first, and their sum."""

    totals: TimeTotals


class UserRate(RequestModel):
    user_id: UserId
    hourly_rate: _Rate


class TeamRate(RequestModel):
    team_id: TeamId
    hourly_rate: _Rate


class TimeRatesUpdate(RequestModel):
    """All of them: somebody's own wins over their ticket's team's, and that over the default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"currency": "EUR", "default_rate": 6000}]})

    currency: _Currency = Field(description="ISO 4217, such as `EUR`; for entries from now on.")
    default_rate: _Rate | None = Field(default=None, description="An hour's, in minor units.")
    users: Annotated[list[UserRate], Field(max_length=MAX_RATES)] = Field(default_factory=list)
    teams: Annotated[list[TeamRate], Field(max_length=MAX_RATES)] = Field(default_factory=list)


class TimeRatesRead(ResponseModel):
    """What an hour costs."""

    model_config = ConfigDict(title="TimeRates")

    currency: str = Field(max_length=3)
    default_rate: int | None = Field(ge=0)
    users: list[UserRate] = Field(max_length=MAX_RATES)
    teams: list[TeamRate] = Field(max_length=MAX_RATES)
    updated_at: Instant | None = Field(description="Null until somebody sets them.")
