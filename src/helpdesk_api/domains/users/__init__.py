"""People and service accounts: who they are, their role, and whether they are active."""
