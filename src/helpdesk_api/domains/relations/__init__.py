"""What tickets are to each other: links, families, and one that goes on in another."""
