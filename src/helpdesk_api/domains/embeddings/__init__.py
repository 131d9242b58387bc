"""What texts mean, as vectors: made by jobs, compared by whoever searches, always among what the caller may read."""
