"""Who works on a ticket and why, routing rules, and how much each agent carries."""
