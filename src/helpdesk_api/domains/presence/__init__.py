"""Who is looking at a ticket or writing a reply, so that two agents do not answer at once."""
