"""What time costs, in whole minor units."""

_HOUR = 3_600


def cost_of(seconds: int, hourly_rate: int) -> int:
    """Half a minor unit counts as one."""
    return (2 * seconds * hourly_rate + _HOUR) // (2 * _HOUR)
