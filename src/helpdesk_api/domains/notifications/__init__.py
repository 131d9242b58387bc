"""Mail to people: what was sent, what failed, and sending it again."""
