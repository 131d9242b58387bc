"""What a client shows and minds without asking anybody: labels of enums, and limits."""
