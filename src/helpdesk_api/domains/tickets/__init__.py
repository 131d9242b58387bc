"""Tickets and their life, from opening to closure, and who takes part in them."""
