"""The parts of a URL that a request is made of.

Knows syntax alone: what a URL names is judged by `addresses`. The parts go to the network as
they stand here, so no second parser can read the URL in another way.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from rag_pipelines.errors import BlockedAddress
from rag_pipelines.storage.addresses import normal_host

_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~\[\]]*")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `host` is normal, `path` holds path and query in ASCII."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header and a URL have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The URL without its fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str) -> Target:
    """Take a URL apart.

    Raises:
        BlockedAddress: not http(s), no host, credentials, or a host in an odd spelling.
    """
    if _FORBIDDEN.search(url):
        raise BlockedAddress("The URL holds control characters; content is not fetched from it.")
    try:
        parts = urlsplit(url.strip(" "))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BlockedAddress(f"A URL that cannot be read ({error}) is not fetched.") from None
    if parts.scheme not in _PORTS:
        raise BlockedAddress(f"{parts.scheme[:20]!r} URLs are not fetched, only http and https.")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise BlockedAddress("URLs with a user name or password are not fetched: leave them out.")
    if not host or port == 0:
        raise BlockedAddress("The URL names no host, or port 0; nothing is fetched from it.")
    _refuse_bare_brackets(parts.netloc, host)
    path = urlunsplit(("", "", parts.path, parts.query, "")) or "/"
    path = path if path.startswith("/") else f"/{path}"
    return Target(parts.scheme, normal_host(host), port or _PORTS[parts.scheme], _quoted(path))


def _refuse_bare_brackets(netloc: str, host: str) -> None:
    if ("[" in netloc) != (":" in host):
        raise BlockedAddress(f"{host[:80]!r} is not an IPv6 address; brackets hold nothing else.")


def _quoted(path: str) -> str:
    if _PLAIN.fullmatch(path):
        return path
    return quote(path, safe="!#$%&'()*+,-./:;=?@_~[]", errors="replace")


def redirect_url(base: Target, location: str) -> str:
    """Absolute URL of a Location header; whether it may be fetched is not decided here."""
    try:
        return urljoin(base.url, location.strip())
    except ValueError:
        raise BlockedAddress("A redirect to a URL that cannot be read is not followed.") from None
