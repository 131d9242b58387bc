"""What is said about a ticket, to its requester or among staff."""
