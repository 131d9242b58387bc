"""Amazon SNS signs with a certificate that its message names: a message is believed only when Amazon's host has it."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from fastapi import Request

from helpdesk_api.database import clock
from helpdesk_api.domains.alerts.errors import InvalidAlertSignature
from helpdesk_api.domains.alerts.queries import Integration
from helpdesk_api.domains.alerts.senders.aws_sns import CONFIRMATION, confirms, is_amazons, signed_text
from helpdesk_api.integrations.http.fetching import GuardedFetcher, HttpFetcher
from helpdesk_api.integrations.http.protocol import NotDelivered

logger = structlog.get_logger(__name__)
_MAX_CERTIFICATES: Final = 20
# Version 1 is SNS's own choice of SHA-1, and what topics are made with.
_DIGESTS: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class Certificates:
    """Those that were read, by their address: Amazon gives a new one a new address."""

    def __init__(self, fetcher: HttpFetcher) -> None:
        self.fetcher = fetcher
        self._known: dict[str, x509.Certificate] = {}

    async def at(self, url: str) -> x509.Certificate:
        """Raises `invalid_alert_signature`."""
        if url in self._known:
            return self._known[url]
        try:
            found = x509.load_pem_x509_certificate(await self.fetcher.fetch(url))
        except (NotDelivered, ValueError) as error:
            message = "The signing certificate could not be read."
            raise InvalidAlertSignature(message) from error
        if len(self._known) >= _MAX_CERTIFICATES:
            self._known.clear()
        self._known[url] = found
        return found


def certificates_of(request: Request) -> Certificates:
    """The process's own."""
    state = request.app.state
    found: Certificates | None = getattr(state, "sns_certificates", None)
    if found is None:
        found = state.sns_certificates = Certificates(GuardedFetcher())
    return found


async def check_message(certificates: Certificates, body: dict[str, Any]) -> None:
    """Raises `invalid_alert_signature`. Nothing is called before the certificate's host is known to be Amazon's."""
    url, digest = body.get("SigningCertURL"), _DIGESTS.get(str(body.get("SignatureVersion")))
    if not is_amazons(url, path_ends=".pem") or digest is None:
        message = "The signing certificate is not at an address of Amazon SNS, or the version is unknown."
        raise InvalidAlertSignature(message)
    certificate = await certificates.at(str(url))
    key = certificate.public_key()
    is_valid = certificate.not_valid_before_utc <= clock.present() <= certificate.not_valid_after_utc
    if not is_valid or not isinstance(key, RSAPublicKey):
        raise InvalidAlertSignature
    try:
        signature = base64.b64decode(str(body.get("Signature")), validate=True)
        key.verify(signature, signed_text(body), PKCS1v15(), digest())
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise InvalidAlertSignature from error


async def confirm(certificates: Certificates, integration: Integration, body: dict[str, Any]) -> None:
    """A checked message that asks to confirm a subscription: only where the integration lets it, and only that."""
    if body["Type"] != CONFIRMATION or not integration.confirms_subscriptions:
        return
    url = body.get("SubscribeURL")
    if not confirms(url, body["TopicArn"]):
        message = "The address to confirm at is not one of Amazon SNS for this topic."
        raise InvalidAlertSignature(message)
    try:
        await certificates.fetcher.fetch(str(url))
    except NotDelivered as error:
        # SNS sends the message again, for an hour.
        logger.warning("sns_confirmation_failed", topic=body["TopicArn"], error=str(error))
        message = "The subscription could not be confirmed just now."
        raise InvalidAlertSignature(message) from error
