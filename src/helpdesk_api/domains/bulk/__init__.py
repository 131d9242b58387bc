"""Many tickets in one request, and several steps on each."""
