"""Texts that are said again and again, with placeholders for what differs."""
