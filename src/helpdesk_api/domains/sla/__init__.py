"""Service levels: calendars, policies, and the clocks that they set on tickets."""
