"""The event log as it grows, pushed to whoever is connected."""
