"""Texts as vectors whose nearness is nearness of meaning."""
