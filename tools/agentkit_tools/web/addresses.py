"""When two web addresses lead to the same page."""

from urllib.parse import parse_qsl, urlencode, urlsplit

_TRACKING = ("gclid", "fbclid", "msclkid", "yclid", "dclid", "igshid", "mc_cid", "mc_eid", "srsltid")
"""What advertisers add; beside it, all that begins with `utm_`."""
_PORTS = {"http": 80, "https": 443}


def same_page(url: str) -> str:
    """What an address has in common with every other spelling of it.

    >>> same_page("http://www.Example.org:80/a/?utm_source=x&b=1#top") == same_page("https://example.org/a?b=1")
    True
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    if port is not None and port != _PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    asked = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.lower().startswith("utm_") and name.lower() not in _TRACKING
    ]
    query = f"?{urlencode(sorted(asked))}" if asked else ""
    return f"{host}{parts.path.rstrip('/')}{query}"
