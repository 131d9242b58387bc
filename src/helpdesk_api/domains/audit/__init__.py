"""What happened, in order: a ticket's history and the log of all events."""
