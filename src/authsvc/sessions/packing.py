"""Text that Redis holds once for each session or user, in few bytes. Pure.

What browsers call themselves and what a user's record looks like is mostly known before: raw DEFLATE (RFC
1951) with a preset dictionary writes what is known as references into it. A Chrome takes 9 bytes instead of
111, a record half of what it was. It is written once a login and once a minute, and read with Huffman codes
that are fixed, since tables of their own would take longer to build than all the rest.

The first byte tells the form, so that instances of two versions may share one Redis: ``0`` as it is, ``1``
with the dictionary below. **The dictionary of a form never changes**: another one is another form.
"""

import zlib
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_PLAIN, _DEFLATED = b"0", b"1"
_WINDOW = -11  # raw, 2 KiB: the dictionary and what is packed lie within it
_DICTIONARY = (
    # What is likeliest stands last, where references to it are shortest.
    b"okhttp/4. axios/1. node-fetch Go-http-client/2.0 Apache-HttpClient/ Java/ CFNetwork/ Darwin/ "
    b"Alamofire/5. Dart/3. (dart:io) PostmanRuntime/7. curl/8. python-requests/2. python-httpx/0. "
    b"; build:1; iOS 18.0) (com."
    b"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.6 Mobile/15E148 Safari/604.1"
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.6 Safari/605.1.15"
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Mobile Safari/537.36"
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    b"Safari/537.36 Edg/140.0.0.0"
    b'@gmail.com","name":null,"email":null,"email_verified":true,"created_at":"2027-0","updated_at":"'
    b'{"id":"-4","username":"","name":"","email":"","email_verified":false,"created_at":"2026-","updated_at":"2026-'
)


def pack(text: bytes) -> bytes:
    """Return ``text`` in at most one byte more than it has."""
    deflate = zlib.compressobj(level=9, wbits=_WINDOW, memLevel=1, strategy=zlib.Z_FIXED, zdict=_DICTIONARY)
    deflated = deflate.compress(text) + deflate.flush()
    return _DEFLATED + deflated if len(deflated) < len(text) else _PLAIN + text


@lru_cache(maxsize=4096)
def unpack(packed: bytes) -> bytes | None:
    """Return what was packed; None if it is of a form that is not known here, or damaged.

    What was unpacked lately is remembered: the same records are asked for again and again.
    """
    match packed[:1]:
        case b"1":
            inflate = zlib.decompressobj(_WINDOW, _DICTIONARY)
            try:
                text = inflate.decompress(packed[1:])
            except zlib.error:
                return None
            return text if inflate.eof else None
        case b"0":
            return packed[1:]
        case _:
            return None


@lru_cache(maxsize=4096)
def pack_address(text: str) -> bytes:
    """Return an IP address as its 4 or 16 bytes behind a mark; whatever else stands there as text.

    Remembered too: to read an address takes three times as long as to pack a User-Agent.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return b"=" + text.encode()
    mark = b"4" if isinstance(address, IPv4Address) else b"6"
    packed = mark + address.packed
    return packed if unpack_address(packed) == text else b"=" + text.encode()


def unpack_address(packed: bytes) -> str:
    """Return the text that was packed, to the letter."""
    match packed[:1]:
        case b"4":
            return str(IPv4Address(packed[1:]))
        case b"6":
            return str(IPv6Address(packed[1:]))
        case _:
            return packed[1:].decode()
