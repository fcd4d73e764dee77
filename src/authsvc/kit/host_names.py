"""Names of hosts and origins, each written in the one way that it is compared in."""

import ipaddress
import re

import idna

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LONGEST = 253


def canonical_host(text: str) -> str:
    """Return a name in small letters and as A-labels, or an address; IPv6 in brackets; no port.

    Raises:
        ValueError: it is neither.

    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _canonical_name(text)
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004  (the version of IP)


def canonical_origin(text: str) -> str:
    """Return an origin as browsers write it: scheme, host, and the port unless it is the scheme's own.

    Raises:
        ValueError: it is none (RFC 6454, section 6.2), or one of everybody.

    """
    parts = _ORIGIN.fullmatch(text)
    authority = parts and _AUTHORITY.fullmatch(parts[2])
    if not parts or not authority:
        raise ValueError(
            "must be origins, by commas, as https://app.example.com; paths, null and * are not taken"
        )
    scheme, host, port = parts[1].lower(), canonical_host(authority[1]), authority[2]
    return (
        f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{int(port)}"
    )


def host_of_url(url: str) -> str:
    """Return the canonical host of an http or https URL.

    Raises:
        ValueError: it has none.

    """
    authority = _AUTHORITY.fullmatch(re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0])
    if not authority:
        raise ValueError("must name a host")
    return canonical_host(authority[1])


def _canonical_name(text: str) -> str:
    name = text.rstrip(".").lower()
    try:
        name = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        name = ""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError(
            "must name hosts without port or path, as auth.example.com or 10.0.0.5; * is not taken"
        )
    return name
