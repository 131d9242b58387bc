"""Saved questions about tickets: personal, of a team, or shared by all staff."""
