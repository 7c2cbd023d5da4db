"""How a URL is spelled, so that one page has one URL, and which URLs a crawl may go to.

Knows syntax (RFC 3986, section 6.2.2), session and tracking parameters, and a source's scope.
Whether an address may be connected to is decided in `storage.addresses`, at the fetch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SIMPLE_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_BLANK = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NOISE = re.compile(
    r"(?:utm_\w+|gclid|dclid|fbclid|msclkid|yclid|twclid|igshid|mc_[ce]id|_ga|_gl|_hs(?:enc|mi)|mkt_tok"
    r"|phpsessid|jsessionid|aspsessionid\w*|asp\.net_sessionid|cfid|cftoken|sid|session_?id|sess_?id)",
    re.IGNORECASE,
)
_PATH_SESSION = re.compile(
    r";jsessionid=[^/;]*|/\((?:[A-Z]\([A-Za-z0-9]+\))+\)(?=/)", re.IGNORECASE
)


def canonical(href: str, base: str = "") -> str | None:
    """The one spelling of a link found on the page at `base`, itself canonical.

    Fragment, default port, dot segments, session ids and tracking parameters go; percent
    escapes take their normal form.

    Returns:
        None where the link leads to no page: another scheme, or not to be read as a URL.
    """
    href = _BLANK.sub("", href).strip().partition("#")[0]
    if base and not href:
        return base
    if base and _SIMPLE_NAME.fullmatch(href):
        return _directory(base) + href
    try:
        parts = urlsplit(urljoin(base, href))
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    authority = _authority(parts.scheme, parts.netloc, parts.hostname, port)
    path = _PATH_SESSION.sub("", _normal_escapes(parts.path)) or "/"
    query = _without_noise(_normal_escapes(parts.query))
    return f"{parts.scheme}://{authority}{_without_dots(path)}{'?' if query else ''}{query}"


@lru_cache(maxsize=1024)
def _directory(base: str) -> str:
    path, _, _ = base.partition("?")
    return path[: path.rindex("/") + 1]


def _authority(scheme: str, netloc: str, hostname: str, port: int | None) -> str:
    user = f"{_normal_escapes(netloc.rpartition('@')[0])}@" if "@" in netloc else ""
    host = f"[{hostname}]" if ":" in hostname else hostname.removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            host = quote(host)
    return f"{user}{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{user}{host}:{port}"


def _normal_escapes(text: str) -> str:
    if "%" in text:
        text = _ESCAPE.sub(_normal_escape, text)
    return quote(text, safe="!#$%&'()*+,-./:;=?@_~[]", errors="replace")


def _normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _without_noise(query: str) -> str:
    kept = (
        pair for pair in query.split("&") if pair and not _NOISE.fullmatch(pair.partition("=")[0])
    )
    return "&".join(kept)


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@lru_cache(maxsize=512)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """A path glob as a regular expression: `*` and `?` stay in a segment, `**` crosses them.

    `/docs/**` matches `/docs` and whatever lies below it.
    """
    pattern = ""
    for part in re.findall(r"/\*\*$|\*\*/|\*\*|\*|\?|[^*?/]+|/", glob):
        pattern += _GLOB_PARTS.get(part) or re.escape(part)
    return re.compile(pattern, re.DOTALL)


_GLOB_PARTS = {"/**": "(?:/.*)?", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def path_of(url: str) -> str:
    """The path of a canonical URL, without its query."""
    return urlsplit(url).path


def origin_of(url: str) -> str:
    """Scheme, host and port of a canonical URL, as the URL has them."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


@dataclass(frozen=True)
class Scope:
    """Where a crawl may go: the start URLs' hosts, and the paths that the patterns leave.

    `www.` before a host and the change from http to https on default ports make no other host.
    """

    hosts: frozenset[str]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, start_urls: Sequence[str], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> "Scope":
        """The scope of a source; start URLs are canonical."""
        return cls(frozenset(map(_host_key, start_urls)), tuple(include), tuple(exclude))

    def offsite(self, url: str) -> bool:
        """Whether a URL is on a host that the source does not name."""
        return _host_key(url) not in self.hosts

    def refusal(self, url: str) -> str:
        """`offsite`, `pattern`, or nothing where the URL is in scope."""
        if self.offsite(url):
            return "offsite"
        path = path_of(url)
        if self.include and not any(glob_pattern(glob).fullmatch(path) for glob in self.include):
            return "pattern"
        if any(glob_pattern(glob).fullmatch(path) for glob in self.exclude):
            return "pattern"
        return ""


def _host_key(url: str) -> str:
    authority = origin_of(url).partition("://")[2]
    return authority.removeprefix("www.")
