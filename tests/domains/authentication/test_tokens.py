"""Tokens that somebody forged, bent or kept too long; one test for each rule of the wrapper."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwt

from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.errors import InvalidToken, TokenExpired
from helpdesk_api.domains.authentication.keys import VerifyingKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)


def a_pair() -> tuple[str, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    return (
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


PRIVATE, PUBLIC = a_pair()
KEYS = {"k1": VerifyingKey("k1", PUBLIC, NOW)}
USER = new_id()


def good(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": USER.hex,
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + LIFETIME).timestamp()),
    }
    merged = {**claims, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def signed(
    claims: dict[str, Any], *, headers: dict[str, Any] | None = None, key: str = PRIVATE, algorithm: str = "ES256"
) -> str:
    token: str = jwt.encode(
        claims, key, algorithm=algorithm, headers={"kid": "k1", "typ": tokens.TYPE, **(headers or {})}
    )
    return token


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(token, KEYS)


def test_a_token_of_ours() -> None:
    session = new_id()
    token = tokens.issue(
        key_id="k1",
        private_key=PRIVATE,
        user_id=USER,
        session_id=session,
        scopes=["tickets:read"],
        now=NOW,
        lifetime=LIFETIME,
    )
    claims = tokens.verify(token, KEYS)
    assert (claims["sub"], claims["sid"], claims["scope"]) == (USER.hex, session.hex, "tickets:read")


def test_expiry_is_judged_by_our_clock_to_the_second() -> None:
    claims = tokens.verify(signed(good()), KEYS)
    tokens.check_expiry(claims, NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(TokenExpired):
        tokens.check_expiry(claims, NOW + LIFETIME)


def test_one_from_the_future() -> None:
    ahead = NOW + timedelta(hours=5)
    claims = tokens.verify(signed(good(iat=int(ahead.timestamp()), exp=int(ahead.timestamp()) + 900)), KEYS)
    with pytest.raises(InvalidToken):
        tokens.check_expiry(claims, NOW)
    tokens.check_expiry(claims, ahead - tokens.CLOCK_SKEW)


def test_another_key() -> None:
    refused(signed(good(), key=a_pair()[0]))


def test_an_unknown_key_id() -> None:
    refused(signed(good(), headers={"kid": "k2"}))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp"])
def test_each_claim_is_required(claim: str) -> None:
    refused(signed(good(**{claim: None})))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"aud": [tokens.AUDIENCE, "another-api"]},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": int((NOW + tokens.MAX_LIFETIME).timestamp()) + 1},
        {"iat": str(int(NOW.timestamp()))},
        {"scope": ["tickets:read"]},
        {"sub": 7},
    ],
)
def test_wrong_claims(changes: dict[str, Any]) -> None:
    refused(signed(good(**changes)))


def test_no_algorithm_at_all() -> None:
    header = {"alg": "none", "kid": "k1", "typ": tokens.TYPE}
    refused(f"{part(header)}.{part(good())}.")


@pytest.mark.parametrize("encoding", ["pem", "der"])
def test_key_confusion(encoding: str) -> None:
    """HS256 with the public key as the secret, in both spellings (CVE-2024-33663)."""
    public = serialization.load_pem_public_key(PUBLIC.encode())
    secret = PUBLIC.encode()
    if encoding == "der":
        secret = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': tokens.TYPE})}.{part(good())}"
    signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    refused(f"{signing_input}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_another_asymmetric_algorithm() -> None:
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    refused(signed(good(), key=private.decode(), algorithm="RS256"))


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"jwk": {"kty": "EC"}}, {"typ": "JWT"}, {"jku": "https://x"}])
def test_no_other_header_members(header: dict[str, Any]) -> None:
    refused(signed(good(), headers=header))


@pytest.mark.parametrize("kid", [7, None, ["k1"]])
def test_a_key_id_is_a_text(kid: Any) -> None:
    header = {"alg": "ES256", "kid": kid, "typ": tokens.TYPE}
    refused(f"{part(header)}.{part(good())}.{part('x')}")


def test_a_bent_signature() -> None:
    head, _, signature = signed(good()).rpartition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(f"{head}.{flipped}")


def test_a_changed_payload() -> None:
    header, _, signature = signed(good()).split(".")
    refused(f"{header}.{part(good(sub=new_id().hex))}.{signature}")


def test_size_is_capped() -> None:
    refused(signed(good(padding="x" * tokens.MAX_BYTES)))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "é.é.é", "[[" * 2000 + ".x.y", part([1]) + ".x.y", part("x") + ".."]
)
def test_rubbish(token: str) -> None:
    refused(token)
