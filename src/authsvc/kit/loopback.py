"""Which hosts cannot be reached, nor listened to, from another machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an address of this machine alone, or ``localhost`` (RFC 6761, section 6.3).

    No name is resolved: what it leads to may change.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
