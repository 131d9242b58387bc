"""The tags that tickets have: how often, and under which name."""
