"""Alerts of monitoring tools: taken as they are sent, counted, and turned into tickets."""
