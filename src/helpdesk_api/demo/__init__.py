"""A believable organisation to try the product with; created on the first `helpdesk serve`, never in production."""

from helpdesk_api.demo.creation import STORIES, DemoSummary, create_demo, is_empty
from helpdesk_api.demo.passwords import demo_password_in_use
from helpdesk_api.demo_accounts import DEMO_PASSWORDS, DEMO_SIGN_INS

__all__ = [
    "DEMO_PASSWORDS",
    "DEMO_SIGN_INS",
    "STORIES",
    "DemoSummary",
    "create_demo",
    "demo_password_in_use",
    "is_empty",
]
