"""Several changes and a reply as one action, for what comes again and again."""
