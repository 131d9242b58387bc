"""A real incident log, read in place: each incident as the steps that it took, in the log's own minutes."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.end_to_end.real_tickets import MATERIAL

LOG = MATERIAL / "data" / "servicenow-incident-log" / "events.csv.gz"
PRIORITIES = {"1 - Critical": "critical", "2 - High": "high", "3 - Moderate": "medium", "4 - Low": "low"}
LEVELS = {"1 - High": "high", "2 - Medium": "medium", "3 - Low": "low"}
PENDING = {
    "Awaiting User Info": "requester",
    "Awaiting Vendor": "vendor",
    "Awaiting Problem": "problem",
    "Awaiting Evidence": "requester",
}
# What counts against a resolution: everything but waiting, as the standard policy has it.
TARGETS = {"critical": 4, "high": 8, "medium": 24, "low": 72}


@dataclass
class Incident:
    """`steps` are (instant, state, group) wherever one of the two changed; `made_sla` is the log's last word."""

    number: str
    opened_at: datetime
    priority: str
    impact: str
    urgency: str
    made_sla: bool
    steps: list[tuple[datetime, str, str]] = field(default_factory=list)

    def expected_use(self) -> timedelta:
        """Time from opening to the last resolution without waiting and without what lay between resolution and
        reopening, counted from the log's rows alone. Closed is final: what the log reopens then is a new ticket."""
        used, since, state = timedelta(0), self.opened_at, "New"
        for at, following, _ in self.steps:
            if state == "Closed":
                break
            if state not in PENDING and state not in {"Resolved", "Closed"}:
                used += at - since
            since, state = at, following
        return used


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def incidents(count: int) -> list[Incident]:
    """The first so many of the log; generated ones where the material is absent."""
    if not LOG.exists():
        return [_generated(number) for number in range(count)]
    found: dict[str, Incident] = {}
    for row in _rows():
        incident = found.get(row["number"])
        if incident is None:
            if len(found) == count:
                continue
            incident = found[row["number"]] = Incident(
                number=row["number"],
                opened_at=_instant(row["opened_at"]),
                priority=PRIORITIES[row["priority"]],
                impact=LEVELS[row["impact"]],
                urgency=LEVELS[row["urgency"]],
                made_sla=row["made_sla"] == "true",
            )
        _add(incident, row)
    return list(found.values())


def _rows() -> Iterator[dict[str, str]]:
    with gzip.open(LOG, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _add(incident: Incident, row: dict[str, str]) -> None:
    incident.made_sla = row["made_sla"] == "true"
    state = row["incident_state"]
    last = incident.steps[-1] if incident.steps else (incident.opened_at, "New", "?")
    if state == "-100":
        state = last[1]
    at = max(_instant(row["sys_updated_at"]), last[0])
    if (state, row["assignment_group"]) != last[1:]:
        incident.steps.append((at, state, row["assignment_group"]))


def _generated(number: int) -> Incident:
    opened = datetime(2016, 2, 29, 4, 40, tzinfo=UTC) + timedelta(minutes=37 * number)
    names = ["Active", "Awaiting User Info", "Active", "Resolved", "Closed"]
    steps = [(opened + timedelta(hours=(number + 1) * n), name, "Group 1") for n, name in enumerate(names, 1)]
    made = (number + 1) * 3 <= TARGETS["medium"]
    return Incident(f"INC{number:07}", opened, "medium", "medium", "medium", made, steps)
