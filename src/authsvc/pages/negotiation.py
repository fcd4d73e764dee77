"""Whether a page or JSON is wanted: the Accept header (RFC 9110, section 12.5.1)."""

import re

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")  # RFC 9110, section 12.4.2
_JSON = ("application/json", "application/problem+json")


def prefers_html(accept: str) -> bool:
    """Tell whether ``accept``, the header's value or "", ranks text/html above JSON.

    Browsers name text/html; a program that takes anything (``*/*``, or no header) gets JSON, and so does one
    that likes both alike. Ranges that cannot be read are passed over.
    """
    ranges = _ranges(accept)
    return _quality("text/html", ranges) > max(_quality(kind, ranges) for kind in _JSON)


def _ranges(accept: str) -> dict[str, float]:
    """Return each media range with its weight; of one that stands twice, the greater."""
    ranges: dict[str, float] = {}
    for element in accept.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        weights = [value.removeprefix("q=") for value in parameters if value.startswith("q=")]
        weight = weights[0] if weights else "1"
        if name and _QUALITY.fullmatch(weight):
            ranges[name] = max(float(weight), ranges.get(name, 0.0))
    return ranges


def _quality(kind: str, ranges: dict[str, float]) -> float:
    """Return the weight of the most specific range that ``kind`` falls into."""
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
