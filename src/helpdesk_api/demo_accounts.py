"""The demo organisation's sign-ins, which everybody can read here: good on a laptop, refused in production."""

from typing import Final

from helpdesk_api.authorization.permissions import Role

# Reserved for examples (RFC 2606): no mail to these addresses can reach anybody.
MAIL_DOMAIN: Final = "tarnwick.example.com"
# One for each role, shared by all who have it.
DEMO_PASSWORDS: Final = {
    Role.REQUESTER: "fresh-bread-at-six",
    Role.AGENT: "tea-and-tickets",
    Role.SUPERVISOR: "eyes-on-the-queue",
    Role.ADMIN: "keys-to-the-bakery",
}
# Whom to sign in as to see what a role sees: role, then address and password.
DEMO_SIGN_INS: Final = {
    role.value: (f"{key}@{MAIL_DOMAIN}", DEMO_PASSWORDS[role])
    for role, key in (
        (Role.REQUESTER, "nora"),
        (Role.AGENT, "diego"),
        (Role.SUPERVISOR, "stefan"),
        (Role.ADMIN, "edda"),
    )
}
