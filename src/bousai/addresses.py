"""Which address of a host may be connected to: one that is public, so nothing of the house can be reached (SSRF).

Used by the rooms that open connections to names which somebody else chose.
"""

from __future__ import annotations

import ipaddress
import socket

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 section 2.5.5.1
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215: never leaves the network of its operator


def public_address(host: str, port: int) -> str:
    """The address to connect to for a host name or a literal in any writing that the system's resolver takes.

    Resolves once; whoever connects uses the answer and does not ask again (a second answer could be another). IPv4
    comes first: many offices have IPv6 names and no IPv6 route. Raises `ValueError` with the reason where any of the
    addresses is not a public unicast one (IANA special-purpose registries, also inside IPv4-mapped, 6to4 and NAT64
    addresses), `OSError` where the name cannot be resolved.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise ValueError("it is no name of a host") from None
    found = {str(answer[4][0]) for answer in answers}
    if not found:
        raise ValueError("it resolves to nothing")
    for text in sorted(found):
        if not _public(text):
            raise ValueError(f"it resolves to {text}, which is not a public address")
    return min(found, key=lambda text: (":" in text, text))


def _public(text: str) -> bool:
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return _global(ip.ipv4_mapped)
        if ip.sixtofour is not None:
            return _global(ip.sixtofour)
        if ip in _NAT64 or ip in _COMPATIBLE:
            # `is_global` looks at the prefix alone; :: and ::1 are 0.0.0.0 and 0.0.0.1 here, which are not global
            return _global(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.is_site_local or ip in _LOCAL_NAT64:
            return False
    return _global(ip)


def _global(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast
