"""One JSON condition tree for search, views, routing, automation and filters: checked, then compiled twice."""
