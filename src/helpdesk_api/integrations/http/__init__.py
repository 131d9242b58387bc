"""Calls to other people's HTTP servers."""
