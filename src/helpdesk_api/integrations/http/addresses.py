"""Where we call: public addresses only, so that nobody reaches through us what only we can reach."""

import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from helpdesk_api.integrations.http.protocol import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# Addresses that carry an IPv4 one: a gateway turns them back into it (RFC 6052, RFC 8215, RFC 4291).
_CARRYING = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))


class Reachable:
    """What may be called: every global address, and the networks that the operator names besides."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks: Sequence[Network] = tuple(networks)

    def allows(self, address: Address) -> bool:
        carried = _carried(address)
        if carried is not None:
            return self.allows(carried)
        if any(address.version == network.version and address in network for network in self._networks):
            return True
        if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
            return False
        return address.is_global and not address.is_multicast and not address.is_reserved

    def allows_plain_http(self, host: str) -> bool:
        """Plain HTTP goes to this machine only, and only where its network is named."""
        if host.lower() == "localhost":
            return any(self.allows(network[1] if network.version == 4 else network[0]) for network in _LOOPBACK)  # noqa: PLR2004
        address = literal(host)
        return address is not None and address.is_loopback and self.allows(address)

    def check_url(self, url: str) -> None:
        """What can be said before the name is looked up. Raises `AddressRefused` with the reason."""
        reason = self._reason(url)
        if reason is not None:
            raise AddressRefused(reason)

    def _reason(self, url: str) -> str | None:
        try:
            parts = urlsplit(url)
            host, has_port = parts.hostname or "", parts.port != 0
        except ValueError:
            return "this is no URL"
        if not host or not has_port:
            return "the URL names no host, or no port that there is"
        if parts.username is not None or parts.password is not None or parts.fragment:
            return "the URL holds a user, a password or a fragment"
        if parts.scheme == "http":
            return None if self.allows_plain_http(host) else "plain HTTP is not used; take HTTPS"
        if parts.scheme != "https":
            return "the URL is not one of HTTPS"
        address = literal(host)
        return None if address is None or self.allows(address) else "the address is not a public one"


def literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name. Other spellings of addresses are names that resolve."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.is_loopback or address.is_unspecified:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _CARRYING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
