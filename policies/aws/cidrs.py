"""How much of the internet a range of addresses is."""

import ipaddress
from collections.abc import Iterable
from typing import Any

from policies.choices import texts
from policies.reading import shown
from policies.review import Config, UnreadableError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LARGEST = {4: 8, 6: 16}
"""Prefix lengths: no network of one owner is larger. Two halves of the internet are all of it."""


def network(value: Any) -> Network:
    """Raises UnreadableError where `value` is no range of addresses."""
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise UnreadableError(f"{shown(value)} is no CIDR") from None


def networks(config: Config, key: str) -> list[Network]:
    """Those that a platform team lists; raises UnreadableError where one is no range."""
    return [network(each) for each in texts(config, key)]


def is_open(value: Any, allowed: Iterable[Network] = ()) -> bool:
    """Whether the range is so large a part of the internet that it is nobody's own."""
    given = network(value)
    if given.prefixlen >= _LARGEST[given.version] or given.is_private:
        return False
    return not any(_is_inside(given, each) for each in allowed)


def _is_inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
