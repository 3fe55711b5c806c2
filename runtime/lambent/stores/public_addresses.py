"""Which addresses are reachable by everybody: the others are those of somebody's network, or special."""

from __future__ import annotations

import ipaddress
from typing import Any

# The special-purpose address registries of IANA: ``is_global`` of ``ipaddress`` differs between versions.
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is assigned to networks; everything else, such as ``fc00::/7`` and ``::ffff:0:0/96``, is not."""

_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(one)
    for one in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: has an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


def is_public(address: str) -> bool:
    """Whether an address, as ``getaddrinfo`` writes it, is reachable by everybody; one with a zone is not."""
    if "%" in address:
        return False
    try:
        found: Any = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.version == 4:
        return not any(found in network for network in _SPECIAL_V4)
    return found in _GLOBAL_V6 and not any(found in network for network in _SPECIAL_V6)


def is_loopback(address: str) -> bool:
    """Whether an address, as ``getaddrinfo`` writes it, is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
