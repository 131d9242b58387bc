"""Replies that are not sent yet, kept by one or written by several."""
