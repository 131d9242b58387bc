"""Customers' groupings: whose colleagues may see one another's tickets."""
