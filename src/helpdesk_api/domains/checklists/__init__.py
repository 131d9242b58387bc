"""What is to be done for a ticket, point by point; internal."""
