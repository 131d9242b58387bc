"""The words of suggestions."""

from enum import StrEnum


class SuggestionOutcome(StrEnum):
    """How it ended for who was shown suggestions; treat an unknown value as `ticket_opened`."""

    DEFLECTED = "deflected"
    TICKET_OPENED = "ticket_opened"


class TicketScope(StrEnum):
    """Among which tickets similar ones are looked for."""

    ANY = "any"
    RESOLVED = "resolved"
    RECENT = "recent"
    OWN = "own"
