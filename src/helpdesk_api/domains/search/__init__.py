"""One question to everything: tickets, articles and people, each as far as the caller may see it."""
