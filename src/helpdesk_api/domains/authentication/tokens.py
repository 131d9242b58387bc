"""Access tokens (RFC 9068 in spirit, RFC 8725 in rules): the one door to python-jose.

The library takes an algorithm list, checks `aud` only if present, and ignores `crit`; so everything is pinned here:
one algorithm, our key by its id, all claims required, and a size that cannot hurt.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jose import jwt
from jose.exceptions import JOSEError
from jose.utils import base64url_decode

from helpdesk_api.domains.authentication.errors import InvalidToken, TokenExpired
from helpdesk_api.domains.authentication.keys import VerifyingKey

ALGORITHM = "ES256"
ISSUER = "helpdesk"
AUDIENCE = "helpdesk-api"
TYPE = "at+jwt"
MAX_BYTES = 8_192
# The longest that the settings allow: a leaked key that was retired cannot sign itself a longer future.
MAX_LIFETIME = timedelta(hours=1)
# Between two hosts of ours.
CLOCK_SKEW = timedelta(minutes=1)
# Expiry is judged by our clock, in `check_expiry`, each time the claims are used; requiring `exp` here would
# have the library judge it by its own. That it is there is checked below.
_OPTIONS = {f"require_{claim}": True for claim in ("aud", "iat", "iss", "sub")} | {"verify_exp": False}
_HEADER_MEMBERS = {"alg", "kid", "typ"}


def issue(
    *,
    key_id: str,
    private_key: str,
    user_id: UUID,
    session_id: UUID | None,
    scopes: list[str] | None,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """A token for this long from `now`. `scopes` of None means all that the account's role holds."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id.hex,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    if session_id is not None:
        claims["sid"] = session_id.hex
    if scopes is not None:
        claims["scope"] = " ".join(scopes)
    token: str = jwt.encode(claims, private_key, algorithm=ALGORITHM, headers={"kid": key_id, "typ": TYPE})
    return token


def verify(token: str, keys: Mapping[str, VerifyingKey]) -> dict[str, Any]:
    """The claims of a token that one of these keys signed, whatever the time. Raises `invalid_token`."""
    if len(token) > MAX_BYTES:
        raise InvalidToken
    header = _header(token)
    key = keys.get(header["kid"])
    if key is None:
        raise InvalidToken
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key.public_pem, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS
        )
    except (JOSEError, ValueError, TypeError) as error:
        raise InvalidToken from error
    if claims["aud"] != AUDIENCE or not _is_text(claims["sub"]) or not _is_text(claims.get("scope", "")):
        raise InvalidToken
    issued, expires = claims["iat"], claims.get("exp")
    # By type and not by isinstance: JSON's true is an int to Python.
    if type(issued) is not int or type(expires) is not int or expires - issued > MAX_LIFETIME.total_seconds():
        raise InvalidToken
    return claims


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def check_expiry(claims: Mapping[str, Any], now: datetime) -> None:
    """Raises `token_expired`, and `invalid_token` for one from the future."""
    if claims["exp"] <= now.timestamp():
        raise TokenExpired
    if claims["iat"] > (now + CLOCK_SKEW).timestamp():
        raise InvalidToken


def _header(token: str) -> dict[str, str]:
    """The header, if it is exactly of our kind: no `crit`, no embedded key, no other algorithm."""
    try:
        header = json.loads(base64url_decode(token.split(".", 1)[0].encode("ascii")))
    except (ValueError, UnicodeError, RecursionError) as error:
        raise InvalidToken from error
    if not isinstance(header, dict) or set(header) != _HEADER_MEMBERS:
        raise InvalidToken
    if header["alg"] != ALGORITHM or header["typ"] != TYPE or not isinstance(header["kid"], str):
        raise InvalidToken
    return header
