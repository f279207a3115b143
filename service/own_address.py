"""This machine's own addresses, and which are reached from it alone."""

import ipaddress
import socket
from collections.abc import Iterator


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def own_address() -> str:
    """This machine's first address that others reach, IPv4 before IPv6; 127.0.0.1 where it has none."""
    # Addresses that were set aside for documentation: nothing answers there, and nothing is sent.
    families = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
    found = (address for family, beyond in families for address in _addresses(family, beyond))
    return next(filter(_is_reached_by_others, found), "127.0.0.1")


def _addresses(family: socket.AddressFamily, beyond: str) -> Iterator[str]:
    """What this machine's name resolves to, and the address that the kernel would send from."""
    try:
        for entry in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM):
            yield str(entry[4][0])
    except OSError:
        pass  # a machine whose own name does not resolve: the route below decides
    try:
        # Connecting a datagram socket sends nothing.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((beyond, 9))
            yield str(probe.getsockname()[0])
    except OSError:
        pass  # no route


def _is_reached_by_others(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    # A link-local IPv6 address means nothing without the name of an interface of the host that asks.
    if found.is_loopback or found.is_unspecified or (found.version == 6 and found.is_link_local):
        return False
    try:
        with socket.socket(socket.AF_INET6 if found.version == 6 else socket.AF_INET) as listener:
            listener.bind((address, 0))
    except OSError:
        return False  # a name's old address, say
    return True
