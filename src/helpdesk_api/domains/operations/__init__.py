"""What operators look at: health and work that waits or failed."""
