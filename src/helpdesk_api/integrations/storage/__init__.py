"""Where the bytes of files lie; rows in PostgreSQL say whose they are."""
