"""A headless IT helpdesk and ITSM backend with one HTTP API."""
