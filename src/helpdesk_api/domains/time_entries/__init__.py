"""Time spent on tickets, and what it costs; internal."""
