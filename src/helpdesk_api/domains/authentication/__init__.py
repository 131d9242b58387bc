"""Signing in, access tokens, sessions, service accounts' tokens and API keys."""
