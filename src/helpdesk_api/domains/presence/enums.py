"""The words of presence."""

from enum import StrEnum


class PresenceState(StrEnum):
    """What somebody is doing with a ticket; treat an unknown value as `viewing`."""

    VIEWING = "viewing"
    REPLYING = "replying"
