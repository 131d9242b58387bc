"""What may help: articles and tickets that are like what somebody writes, or like a ticket, each with its evidence."""
