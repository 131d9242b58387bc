"""Forms: what a kind of request asks for beyond the ticket's own fields."""
