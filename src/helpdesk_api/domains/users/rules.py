"""What an address and a time zone must be."""

from functools import cache
from zoneinfo import available_timezones

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from helpdesk_api.domains.users.errors import InvalidEmail, UnknownTimeZone

# Reserved for multicast DNS, and yet what many a company calls its own network.
SPECIAL_USE_DOMAIN_NAMES.remove("local")


def normalized_email(text: str) -> str:
    """Raises `invalid_email`. The domain is lower-cased; no look-up is made."""
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidEmail(str(error), pointer="#/email") from error


# Files beside the zones that are none: what a machine is set to, which differs from one to the next, and a placeholder.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_OTHER_COUNTS = ("posix/", "right/")


@cache
def _zones() -> frozenset[str]:
    """Reading the names walks a directory tree: once a process is enough."""
    return frozenset(name for name in available_timezones() - _NO_ZONES if not name.startswith(_OTHER_COUNTS))


def check_time_zone(name: str) -> None:
    """Raises `unknown_time_zone` unless it is an IANA name."""
    if name not in _zones():
        raise UnknownTimeZone(pointer="#/time_zone")
