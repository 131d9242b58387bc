"""What `helpdesk serve` says when it is ready: at most fifteen lines, one of them to paste."""

from helpdesk_api.config import Settings
from helpdesk_api.demo_accounts import DEMO_SIGN_INS
from helpdesk_api.serving import own_url


def welcome(settings: Settings, *, with_demo: bool) -> str:
    url = own_url(settings)
    lines = ["", "Helpdesk API is ready. Ctrl-C stops it.", f"  API   {url}/v1", f"  Docs  {url}/docs"]
    if not with_demo:
        return "\n".join([*lines, "  Create an account with `helpdesk user create`."])
    lines.append("  Sign in as")
    lines += [f"    {role:<11}{email:<34}{password}" for role, (email, password) in DEMO_SIGN_INS.items()]
    email, password = DEMO_SIGN_INS["requester"]
    body = f'{{"email":"{email}","password":"{password}"}}'
    lines += ["  Try", f"    curl -s {url}/v1/sessions -H 'Content-Type: application/json' -d '{body}'"]
    return "\n".join(lines)
