"""The published contract: FastAPI's own document, brought to the shape that linters, generators and testers expect.

Nothing here knows an operation by name. What an operation needs, takes and answers is read off its route: its guard,
its dependencies, its models, its `responses`, its path.
"""

from helpdesk_api.web.openapi.document import build_document, document_bytes, render

__all__ = ["build_document", "document_bytes", "render"]
